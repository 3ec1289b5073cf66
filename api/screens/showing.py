"""How a page is shown: a template, one style sheet and one small script of ours, under a policy that allows nothing else.

What is secret in a link stands behind its ``#``, where no server sees it. The script puts it into the page's form and
sends that; without a script a person pastes it there. From then on it travels in the body of each form.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.problems import status_of
from domain.errors import DomainError, Malformed, TooManyRequests, UnsupportedMedia

ASSETS = "/screens/assets"
MOST_FIELDS = 200
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'{}; "
    "base-uri 'none'; frame-ancestors 'none'"
)

_TEMPLATES = Environment(
    loader=PackageLoader("api.screens"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Form:
    """What a person sent. A box that was left empty says nothing."""

    fields: Mapping[str, str]

    def text(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    def or_none(self, name: str) -> str | None:
        return self.text(name) or None

    def lines(self, name: str) -> list[str]:
        return [line.strip() for line in self.text(name).splitlines() if line.strip()]


class ScreenRoute(APIRoute):
    """A route whose every answer is a page, also when it refuses."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def enter(request: Request) -> Response:
            try:
                await request.app.state.limits.spend(request, "address", request.state.address)
                return await handler(request)
            except DomainError as error:
                return refusal(error)

        return enter


def screen_router() -> APIRouter:
    """Pages stand beside the contract, not in it: no program reads them."""
    return APIRouter(route_class=ScreenRoute, include_in_schema=False)


def add_assets(app: FastAPI) -> None:
    app.mount(ASSETS, StaticFiles(packages=[("api.screens", "assets")]), name="screen-assets")


def show(template: str, status: int = 200, *, goes_on_to: str = "", **values: Any) -> HTMLResponse:
    """A template of ours as an answer that no cache keeps and no other page frames.

    ``goes_on_to`` is the origin to which the answer of the page's form leads on: browsers hold that against the policy too.
    """
    page = _TEMPLATES.get_template(template).render(assets=ASSETS, goes_on_to=goes_on_to, **values)
    # The grammar of a policy has no addresses of IPv6, which only a program on the person's own machine would have.
    source = "http:" if "[" in goes_on_to else goes_on_to
    return HTMLResponse(page, status, headers={"Content-Security-Policy": POLICY.format(f" {source}" if source else "")})


def refusal(error: DomainError) -> HTMLResponse:
    page = show("trouble.html", status_of(error), title=error.title, detail=error.detail)
    if isinstance(error, TooManyRequests):
        page.headers["Retry-After"] = str(error.retry_after)
    return page


async def read_form(request: Request) -> Form:
    """A form as browsers send it without files. Two fields of one name: the later counts."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UnsupportedMedia("Send the form of the page.")
    try:
        sent = (await request.body()).decode()
        pairs = parse_qsl(sent, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise Malformed("This form cannot be read: it is no UTF-8 text, or it has too many fields.") from None
    return Form({name: value.replace("\r\n", "\n").replace("\0", "") for name, value in pairs})
