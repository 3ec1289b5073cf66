"""Code that brings its own httpx client is guarded by the same transport."""

import httpx
import pytest

from domain.outbound.egress import EgressFailed, EgressPolicy, EgressRefused, FailureCode, GuardedTransport
from tests.domain.outbound.receivers import answers, leads_to, receiver, says, silent_listener

HERE = EgressPolicy(allow_http=True, allow_loopback=True)


def client(*addresses: str) -> httpx.AsyncClient:
    transport = GuardedTransport(HERE, resolver=leads_to(*addresses))
    return httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=True)


async def test_a_client_works_as_usual() -> None:
    async with (
        receiver(answers(200, b'{"issuer":"x"}', Content_Type="application/json")) as host,
        client("127.0.0.1") as http,
    ):
        assert (await http.get(host.url("login.example"))).json() == {"issuer": "x"}


async def test_a_redirect_into_our_network_is_stopped_even_if_the_client_follows() -> None:
    lure = answers(302, Location="http://169.254.169.254/latest/meta-data/")
    async with receiver(lure) as host, client("127.0.0.1") as http:
        with pytest.raises(EgressRefused) as refused:
            await http.get(host.url("login.example"))
    assert refused.value.reason == FailureCode.address_not_allowed


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://login.example/", FailureCode.scheme_not_allowed),
        ("ftp://login.example/", FailureCode.scheme_not_allowed),
        ("https://user:hush@login.example/", FailureCode.userinfo_not_allowed),
        ("https://login.example:22/", FailureCode.port_not_allowed),
        ("https://2130706433/", FailureCode.host_not_allowed),
    ],
)
async def test_the_url_is_checked_again_for_every_request(url: str, reason: FailureCode) -> None:
    http = httpx.AsyncClient(transport=GuardedTransport(EgressPolicy(), resolver=leads_to("127.0.0.1")))
    with pytest.raises(EgressRefused) as refused:
        await http.get(url)
    assert refused.value.reason == reason


async def test_a_fault_is_a_transport_error_to_the_client() -> None:
    async with receiver(says(b"nonsense\r\n\r\n")) as host, client("127.0.0.1") as http:
        with pytest.raises(httpx.TransportError) as failed:
            await http.get(host.url("login.example"))
    assert isinstance(failed.value, EgressFailed)
    assert failed.value.failure.code == FailureCode.bad_answer


async def test_the_timeouts_of_the_client_are_kept() -> None:
    async with silent_listener() as host, client("127.0.0.1") as http:
        with pytest.raises(EgressFailed) as failed:
            await http.get(host.url("login.example"), timeout=0.1)
    assert failed.value.failure.code == FailureCode.timeout
