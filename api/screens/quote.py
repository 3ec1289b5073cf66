"""``/quote``: the page behind the link of a quote. It shows what the paper says, and takes one answer: yes or no.

The link holds the quote's id and its token behind the ``#``. The page asks for them by a form, and every form on it carries
them on.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from pydantic import ValidationError

from api.door import circumstances, faults_of, runtime_of
from api.problems import STATUS
from api.screens.showing import Form, read_form, screen_router, show
from api.v1.quotes import by_link, paper_of, say_no, say_yes
from billing import papers
from billing.quotes import AcceptanceFields, DeclineFields, Quote, QuoteStatus
from domain.clock import today
from domain.database import tenant_session
from domain.errors import Conflict, Invalid, NotFound
from domain.tenancy import NOBODY, NOBODYS_TENANT, TenantSession, Wall

router = screen_router()


@dataclass(frozen=True)
class Handed:
    """What a link hands over. Nothing is known to be true yet."""

    quote_id: str
    token: str

    @staticmethod
    def of(text: str) -> "Handed":
        quote_id, _, token = text.rpartition("#")[2].strip().partition(".")
        return Handed(quote_id, token)


@router.get("/quote")
async def ask_for_link() -> Response:
    """What the link opens. What stands behind its # has not come here; the page fetches it."""
    return _enter()


@router.post("/quote")
async def show_quote(request: Request) -> Response:
    """The quote of a link, or its paper; with an answer, that is kept first."""
    form = await read_form(request)
    handed = Handed.of(form.text("token"))
    faults: dict[str, str] = {}
    try:
        if form.text("do") == "paper":
            async with _opened(request, handed) as (session, quote):
                return await paper_of(session, quote)
        if form.text("do") in {"accept", "decline"}:
            faults = await _answer(request, handed, form)
        async with _opened(request, handed) as (session, quote):
            shown = await papers.quote_paper(session, quote)
            past = quote.valid_until is not None and quote.valid_until < today()
            values: dict[str, Any] = {"paper": shown, "open": quote.status is QuoteStatus.sent and not past, "quote": quote}
    except NotFound:
        return _enter(refused="This link opens no quote. It may have been replaced by a newer one; ask whoever sent it.")
    token = f"{handed.quote_id}.{handed.token}"
    return show("quote.html", 422 if faults else 200, **values, token=token, faults=faults, form=form)


def _enter(*, refused: str = "") -> Response:
    about = "Somebody sent you a quote. The link in the letter opens it."
    status = STATUS[NotFound] if refused else 200
    return show("enter.html", status, title="A quote for you", action="/quote", about=about, refused=refused)


@asynccontextmanager
async def _opened(request: Request, handed: Handed) -> AsyncGenerator[tuple[TenantSession, Quote]]:
    """One transaction inside the wall that the token names, where only its own secret opens anything."""
    async with tenant_session(
        runtime_of(request).database, Wall(NOBODYS_TENANT), actor=NOBODY, context=circumstances(request)
    ) as session:
        yield session, await by_link(session, handed.quote_id, handed.token)


async def _answer(request: Request, handed: Handed, form: Form) -> dict[str, str]:
    """Keep what was said, or say beside which box what is wrong. The second click finds it answered, and does nothing."""
    accepts = form.text("do") == "accept"
    try:
        async with _opened(request, handed) as (session, quote):
            if accepts:
                said = AcceptanceFields(token=handed.token, name=form.text("name"), title=form.text("title"))
                await say_yes(session, request, quote, said)
            else:
                no = DeclineFields(token=handed.token, name=form.text("name"), reason=form.or_none("reason"))
                await say_no(session, request, quote, no)
    except ValidationError as error:
        return {each.pointer.split("/")[1]: "Please say this." for each in faults_of(error)}
    except Invalid as error:
        return {each.pointer.split("/")[1]: each.detail for each in error.faults}
    except Conflict as error:
        return {} if error.specific_code == "already_accepted" else {"": error.detail}
    return {}
