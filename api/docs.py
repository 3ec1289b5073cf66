"""``/docs``: the contract to read and to try, with every asset served from here, and receivers of webhooks to begin with.

No page of ours asks a CDN for code.
"""

import base64
import hashlib
import re
from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles

ASSETS = "/docs/assets"
RECEIVERS = ("receiver.py", "receiver.ts")


def add_docs(app: FastAPI) -> None:
    """Serve Swagger UI over ``/openapi.json``, from the files that the ``fastapi-swagger`` package carries."""
    app.mount(ASSETS, StaticFiles(directory=str(files("fastapi_swagger") / "resources")), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Bitewing API",
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon-32x32.png",
            swagger_ui_parameters={"filter": True, "displayRequestDuration": True, "docExpansion": "none"},
        )
        page.headers["content-security-policy"] = _policy(bytes(page.body).decode())
        return page

    for name in RECEIVERS:
        _show(app, name)


def _show(app: FastAPI, name: str) -> None:
    text = (files("api.receivers") / name).read_text(encoding="utf-8")

    @app.get(f"/docs/receivers/{name}", include_in_schema=False)
    async def receiver() -> PlainTextResponse:  # pyright: ignore[reportUnusedFunction]  the decorator has it
        return PlainTextResponse(text)


def _policy(page: str) -> str:
    """Nothing but our own files and the one script that stands in the page, named by its hash."""
    scripts = [hashlib.sha256(script.encode()).digest() for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)]
    hashes = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in scripts)
    return (
        f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
