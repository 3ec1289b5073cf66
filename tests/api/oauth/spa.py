"""A sample of a partner's frontend: one page without a server, which does everything that OAuth asks of it by itself.

PKCE is made in the browser; the tokens are fetched, used, renewed and given back by ``fetch`` through CORS.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Portal</title><script src="/portal.js" defer></script></head>
<body><button id="start">Connect</button><pre id="done"></pre></body></html>"""
SCRIPT = """
const { api, clientId, scope } = Object.fromEntries(new URLSearchParams(location.search || sessionStorage.at));
const redirectUri = location.origin + "/callback";
const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function start() {
  sessionStorage.at = location.search;
  const { issuer, authorization_endpoint } = await (await fetch(api + "/.well-known/oauth-authorization-server")).json();
  Object.assign(sessionStorage, { verifier: random(), state: random(), issuer });
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(sessionStorage.verifier));
  const asked = { response_type: "code", client_id: clientId, redirect_uri: redirectUri, scope, state: sessionStorage.state,
    code_challenge: base64url(hash), code_challenge_method: "S256" };
  location.assign(authorization_endpoint + "?" + new URLSearchParams(asked));
}

async function finish() {
  const told = new URLSearchParams(location.search);
  const { api, clientId } = Object.fromEntries(new URLSearchParams(sessionStorage.at));
  history.replaceState(null, "", "/callback");
  const post = (to, form) => fetch(api + "/v1/oauth/" + to, { method: "POST",
    body: new URLSearchParams({ client_id: clientId, ...form }) });
  const done = { error: told.get("error"), stateIsOurs: told.get("state") === sessionStorage.state,
    issuerIsTheirs: told.get("iss") === sessionStorage.issuer };
  if (told.has("code")) {
    const tokens = await (await post("token", { grant_type: "authorization_code", code: told.get("code"),
      redirect_uri: redirectUri, code_verifier: sessionStorage.verifier })).json();
    const call = async (token) => fetch(api + "/v1/devices", { headers: { Authorization: "Bearer " + token } });
    const answer = await call(tokens.access_token);
    done.scope = tokens.scope;
    done.devices = (await answer.json()).data.map((each) => each.name);
    const renewed = await (await post("token", { grant_type: "refresh_token", refresh_token: tokens.refresh_token })).json();
    done.renewed = (await call(renewed.access_token)).status;
    done.revoked = (await post("revoke", { token: renewed.refresh_token })).status;
    done.afterwards = [(await call(renewed.access_token)).status, (await call(tokens.access_token)).status];
  }
  document.querySelector("#done").textContent = JSON.stringify(done);
}

document.querySelector("#start").addEventListener("click", start);
if (location.pathname === "/callback") finish();
"""


async def _page(_request: Request) -> Response:
    return HTMLResponse(PAGE)


async def _script(_request: Request) -> Response:
    return Response(SCRIPT, media_type="text/javascript")


portal = Starlette(routes=[Route("/", _page), Route("/callback", _page), Route("/portal.js", _script)])
