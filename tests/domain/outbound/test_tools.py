"""What a tool says of a failure is shown to customers; what proves who we are is not repeated with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from domain.outbound.egress import Egress, EgressPolicy
from domain.outbound.tools import ToolFailed, Trouble, Web
from tests.domain.ticketing.fakes import Request, serving

JSON = {"content-type": "application/json"}
SECRET = "a-secret-of-ours"


@dataclass
class Echo:
    """Refuses everything, and tells all that it was sent."""

    port: int = 0

    def answer(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        heard = {"error": "invalid_request", "headers": dict(request.headers), "sent": request.raw.decode()}
        return 400, JSON, json.dumps(heard if request.path != "/plain" else {"message": "no such queue"}).encode()


async def test_no_secret_comes_back_in_a_failure() -> None:
    async with serving(Echo()) as echo:
        web = Web(Egress(EgressPolicy(allow_http=True, allow_loopback=True)), f"http://127.0.0.1:{echo.port}")
        with pytest.raises(ToolFailed) as signing_in:
            await web.sign_in("/token", {"client_secret": SECRET})
        assert (signing_in.value.trouble, signing_in.value.detail) == (
            Trouble.credentials,
            "It answered 400 (invalid_request).",
        )
        web.headers["authorization"] = f"Bearer {SECRET}"
        with pytest.raises(ToolFailed) as repeating:
            await web.get("/repeating")
        assert (repeating.value.trouble, repeating.value.detail) == (
            Trouble.refused,
            "It answered 400 (invalid_request).",
        )
        with pytest.raises(ToolFailed) as plain:
            await web.get("/plain")
        assert plain.value.detail == 'It answered 400: {"message": "no such queue"}.'
