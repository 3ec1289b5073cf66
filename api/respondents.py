"""The side door: somebody without an account comes in with a link, sees the topics of that link, and nothing else.

The same manners as at the one door: the caller is known before the transaction opens inside the walls of the tenant and of
the one organization, the route acts once, and everything is committed before the answer leaves.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from api.door import READS, act_once, circumstances, known_parameters, refuse_what_cannot_be, runtime_of
from api.limits import RateLimits
from domain.database import tenant_session
from domain.errors import Unauthenticated
from domain.sra import topic_links
from domain.sra.topic_links import TopicLink
from domain.tenancy import NOBODY, Actor, TenantSession, Wall


@dataclass(frozen=True)
class Respondent:
    """Whoever holds a link, with the transaction that it opens."""

    session: TenantSession
    link: TopicLink


@asynccontextmanager
async def entered_by_link(request: Request, token: str, *, read_only: bool) -> AsyncGenerator[Respondent]:
    """One transaction inside the walls of a link's tenant and organization; :class:`Unauthenticated` without a live link."""
    runtime = runtime_of(request)
    limits: RateLimits = request.app.state.limits
    try:
        tenant_id = topic_links.parse(token)
        if tenant_id is None:
            raise Unauthenticated("This is not the whole link. Open it as you were sent it, to its last letter.")
        async with tenant_session(runtime.database, Wall(tenant_id), actor=NOBODY) as session:
            link = await topic_links.link_of(session, token)
    except Unauthenticated:
        await limits.spend(request, "address", request.state.address)
        raise
    await limits.spend(request, "credential", link.id)
    request.state.tenant_id = tenant_id
    async with tenant_session(
        runtime.database,
        Wall(tenant_id, frozenset({link.organization_id})),
        actor=Actor("topic_link", link.id),
        read_only=read_only,
        context=circumstances(request),
    ) as session:
        yield Respondent(session, link)


class LinkRoute(APIRoute):
    """A route that is entered with the token of a link."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        known = known_parameters(self)

        async def enter(request: Request) -> Response:
            async with entered_by_link(request, _token(request), read_only=request.method in READS) as respondent:
                request.state.respondent = respondent
                refuse_what_cannot_be(request, known)
                return await act_once(request, respondent.session, runtime_of(request), handler)

        return enter


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def link_router() -> APIRouter:
    return APIRouter(route_class=LinkRoute, tags=["analysis"])


async def _respondent(request: Request) -> Respondent:
    respondent: Respondent = request.state.respondent
    return respondent


ThisRespondent = Annotated[Respondent, Depends(_respondent)]
