"""TLS stays on the name although the socket goes to a checked address."""

import asyncio
import ssl
from pathlib import Path

import pytest

from domain.outbound.egress import Answer, Egress, EgressPolicy, FailureCode
from tests.domain.outbound.receivers import Authority, answers, handshaker, leads_to, receiver, silent_listener

HERE = EgressPolicy(allow_loopback=True)
NAME = "hooks.partner.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    directory: Path = tmp_path_factory.mktemp("authority")
    return Authority(directory)


def trusting(authority: Authority, policy: EgressPolicy = HERE) -> Egress:
    return Egress(policy, resolver=leads_to("127.0.0.1"), tls=authority.trusting())


def tls_detail(answer: Answer) -> str:
    assert answer.failure is not None, answer
    assert answer.failure.code == FailureCode.tls_failed
    assert answer.status is None
    return answer.failure.detail


async def test_name_indication_certificate_and_host_are_all_the_name(authority: Authority) -> None:
    async with receiver(answers(204), tls=authority.serving(NAME)) as partner:
        answer = await trusting(authority).post(partner.url(NAME, scheme="https"), {}, b"body")
    assert answer.status == 204
    assert partner.bodies == [b"body"]
    assert partner.server_names == [NAME]
    assert f"host: {NAME}:{partner.port}" in partner.heads[0].lower()


async def test_an_address_can_have_a_certificate_too(authority: Authority) -> None:
    async with receiver(answers(), tls=authority.serving("127.0.0.1")) as partner:
        assert (await trusting(authority).post(partner.url(scheme="https"), {}, b"")).ok


async def test_an_international_name_is_spoken_in_its_ascii_form(authority: Authority) -> None:
    async with receiver(answers(), tls=authority.serving("xn--bcher-kva.example")) as partner:
        assert (await trusting(authority).post(partner.url("bücher.example", scheme="https"), {}, b"")).ok
    assert partner.server_names == ["xn--bcher-kva.example"]


async def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    async with receiver(answers(), tls=authority.serving("other.example")) as partner:
        answer = await trusting(authority).post(partner.url(NAME, scheme="https"), {}, b"hush")
    assert "Hostname mismatch" in tls_detail(answer)
    assert partner.bodies == []


async def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    async with receiver(answers(), tls=authority.serving(NAME, expired=True)) as partner:
        answer = await trusting(authority).post(partner.url(NAME, scheme="https"), {}, b"")
    assert tls_detail(answer) == "The host's certificate was not accepted: certificate has expired."


async def test_an_authority_that_is_not_trusted_is_refused(authority: Authority) -> None:
    async with receiver(answers(), tls=authority.serving(NAME)) as partner:
        answer = await Egress(HERE, resolver=leads_to("127.0.0.1")).post(partner.url(NAME, scheme="https"), {}, b"")
    assert "certificate was not accepted" in tls_detail(answer)


async def test_a_receiver_without_tls_is_refused(authority: Authority) -> None:
    async with silent_listener(until_spoken_to=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as partner:
        answer = await trusting(authority).post(partner.url(NAME, scheme="https"), {}, b"")
    assert tls_detail(answer) == "No secure connection could be agreed with the host."


async def test_a_receiver_that_hangs_up_in_the_handshake_is_refused(authority: Authority) -> None:
    async with receiver(answers(), tls=authority.serving(NAME)) as partner:
        old = authority.trusting()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_ciphers("AES256-SHA256")  # nothing the receiver's elliptic key could serve
        egress = Egress(HERE, resolver=leads_to("127.0.0.1"), tls=old)
        answer = await egress.post(partner.url(NAME, scheme="https"), {}, b"")
    assert tls_detail(answer) == "No secure connection could be agreed with the host."


async def test_a_receiver_that_asks_for_our_certificate_is_refused(authority: Authority) -> None:
    """In TLS 1.3 this refusal comes only when we read the answer, outside what the network layer expects."""
    asking = authority.serving(NAME)
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(authority.trusting().get_ca_certs(True)[0]))
    async with handshaker(asking) as partner:
        answer = await trusting(authority).post(partner.url(NAME, scheme="https"), {}, b"")
    assert tls_detail(answer) == "No secure connection could be agreed with the host."


async def test_a_handshake_that_never_ends_meets_the_deadline_and_the_socket_is_closed(authority: Authority) -> None:
    async with silent_listener() as partner:
        hurried = EgressPolicy(allow_loopback=True, deadline=0.25)
        answer = await trusting(authority, hurried).post(partner.url(NAME, scheme="https"), {}, b"")
        await asyncio.wait_for(partner.hung_up.wait(), 2)
    assert answer.failure is not None
    assert answer.failure.code == FailureCode.timeout
