"""The way into every page about an application's request: the request read anew each time, inside its tenant's wall."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from fastapi import APIRouter, Request, Response

from api.door import circumstances, runtime_of
from api.oauth.requests import Asked, answer, read_request, sent_parameters, tenant_asked
from api.screens.browsers import Browser, browser_of
from api.screens.showing import Form, ScreenRoute, read_form
from domain.database import tenant_session
from domain.people.tenants import own
from domain.tenancy import NOBODY, TenantSession, Wall


@dataclass(frozen=True)
class Visit:
    """A browser that was sent to us with a request, and the transaction in which it is looked at."""

    session: TenantSession
    asked: Asked
    browser: Browser
    tenant_name: str


class AskedRoute(ScreenRoute):
    """A page about a request. What is wrong with the request itself is told to the application."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def enter(request: Request) -> Response:
            try:
                return await handler(request)
            except OAuth2Error as refusal:
                issuer = runtime_of(request).settings.base_url
                said = {"error": str(refusal.error), "error_description": str(refusal.description)}
                return answer(str(refusal.redirect_uri), issuer=issuer, state=refusal.state, **said)

        return enter


def asked_router() -> APIRouter:
    return APIRouter(route_class=AskedRoute, include_in_schema=False)


@asynccontextmanager
async def visit(request: Request, sent: Mapping[str, str]) -> AsyncGenerator[Visit]:
    """One transaction for a page, committed before the page leaves."""
    tenant_id = tenant_asked(sent)
    async with tenant_session(
        runtime_of(request).database, Wall(tenant_id), actor=NOBODY, context=circumstances(request)
    ) as session:
        asked = await read_request(session, sent)
        request.state.tenant_id = tenant_id
        yield Visit(session, asked, browser_of(request), (await own(session)).name)
    if session.ended_credentials:
        request.app.state.credentials.forget_all()


async def read_guarded(request: Request) -> tuple[Form, dict[str, str]]:
    """A form of one of our pages, and the parameters of the request that it is about."""
    form = await read_form(request)
    browser_of(request).check_guard(form.text("request"), form.text("guard"))
    return form, sent_parameters(form.text("request").encode())
