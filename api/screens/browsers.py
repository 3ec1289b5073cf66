"""A browser on our own pages: who is signed in there, and the guard that proves that a form came from a page shown in it.

One cookie, for these pages alone: at first a random text, then the token of the session. The API itself never looks at it. A
form carries an HMAC of the request it is about, keyed with the cookie, so neither another site nor a page that showed another
request can have it sent.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from api.door import runtime_of
from domain.access import Principal
from domain.errors import Forbidden
from domain.people import credentials
from domain.tenancy import TenantSession

PATH = "/v1/oauth"
AUTHORIZE = f"{PATH}/authorize"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9_-]{43,120}")


@dataclass(frozen=True)
class Browser:
    secret: str
    """What its cookie holds."""
    secure: bool

    def guard(self, about: str) -> str:
        return hmac.new(self.secret.encode(), about.encode(), hashlib.sha256).hexdigest()

    def check_guard(self, about: str, guard: str) -> None:
        if not hmac.compare_digest(self.guard(about).encode(), guard.encode()):
            raise Forbidden(
                "This form is too old, or your browser keeps no cookies. Go back to the application and begin again."
            )

    def keep(self, response: Response, secret: str) -> Response:
        """Have the browser hold ``secret`` from now on, until it is closed."""
        response.set_cookie(_name(self.secure), secret, path=PATH, httponly=True, samesite="lax", secure=self.secure)
        return response

    def forget(self, response: Response) -> Response:
        response.delete_cookie(_name(self.secure), path=PATH, httponly=True, samesite="lax", secure=self.secure)
        return response


def browser_of(request: Request) -> Browser:
    """The browser that asks; a new one is given a secret, which its first page must :meth:`Browser.keep`."""
    secure = runtime_of(request).settings.base_url.startswith("https://")
    held = request.cookies.get(_name(secure), "")
    return Browser(held if _ACCEPTABLE.fullmatch(held) else secrets.token_urlsafe(32), secure)


async def signed_in(session: TenantSession, browser: Browser) -> Principal | None:
    """Who is signed in to the session's tenant; from then on they are who acts."""
    presented = credentials.read(browser.secret)
    if presented is None or presented.kind != "bws" or presented.tenant_id != session.tenant_id:
        return None
    found = await credentials.resolve(session, presented)
    if found is None:
        return None
    session.actor = found[0].actor
    return found[0]


def back_to(about: str, *, sso_error: str = "") -> Response:
    """To the page of a request, and nowhere else: ``about`` are its parameters, which are checked anew there."""
    return RedirectResponse(f"{AUTHORIZE}?{about}{f'&sso_error={sso_error}' if sso_error else ''}", status_code=303)


def _name(secure: bool) -> str:
    return "__Secure-bitewing" if secure else "bitewing"
