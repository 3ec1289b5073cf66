"""The client against real receivers on the loopback interface: what is sent, what is kept, and how each fault ends."""

import asyncio
import gzip
import logging
import zlib

import pytest

from domain.outbound.egress import Answer, Egress, EgressPolicy, Failure, FailureCode
from tests.domain.outbound.receivers import answers, drips, leads_to, receiver, says, silent_listener

HERE = EgressPolicy(allow_http=True, allow_loopback=True)
HURRIED = EgressPolicy(allow_http=True, allow_loopback=True, deadline=0.25)


def code_of(answer: Answer) -> FailureCode:
    assert answer.failure is not None, answer
    assert not answer.ok
    assert "127.0.0" not in answer.failure.detail
    return answer.failure.code


async def test_a_body_is_delivered_and_the_answer_kept() -> None:
    async with receiver(answers(202, b'{"received":true}', X_Request_Id="r1")) as partner:
        answer = await Egress(HERE).post(partner.url(), {"Content-Type": "application/json"}, b'{"a":1}')
    assert partner.bodies == [b'{"a":1}']
    assert (answer.status, answer.ok, answer.failure) == (202, True, None)
    assert answer.headers["x-request-id"] == "r1"
    assert answer.body_excerpt == '{"received":true}'
    assert not answer.truncated
    assert 0 <= answer.duration_ms < 5000


async def test_the_request_names_the_host_and_goes_to_the_address() -> None:
    egress = Egress(HERE, resolver=leads_to("127.0.0.1"))
    async with receiver(answers()) as partner:
        await egress.post(partner.url("Hooks.Partner.example", "/in?x=1#part"), {"X-Tenant": "t1"}, b"body")
    request_line, *lines = partner.heads[0].lower().strip().split("\r\n")
    assert request_line == "post /in?x=1 http/1.1"
    assert f"host: hooks.partner.example:{partner.port}" in lines
    assert "x-tenant: t1" in lines
    assert "content-length: 4" in lines
    assert "user-agent: bitewing/1" in lines
    assert "accept-encoding: identity" in lines


async def test_any_method_serves_for_ticketing() -> None:
    async with receiver(answers(200, b"[]")) as peer:
        answer = await Egress(HERE).request("PATCH", peer.url(), body=b"{}")
        await Egress(HERE).request("GET", peer.url())
    assert answer.ok
    assert [head.split(" ")[0] for head in peer.heads] == ["PATCH", "GET"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    async with receiver(answers()) as elsewhere, receiver(answers(status, Location=elsewhere.url())) as partner:
        answer = await Egress(HERE).post(partner.url(), {}, b"")
    assert (answer.status, answer.ok) == (status, False)
    assert elsewhere.connections == 0


async def test_every_request_has_a_connection_of_its_own() -> None:
    egress = Egress(HERE)
    async with receiver(answers()) as partner:
        for _ in range(3):
            assert (await egress.post(partner.url(), {}, b"")).ok
    assert partner.connections == 3


async def test_many_requests_run_side_by_side() -> None:
    egress = Egress(HERE, resolver=leads_to("127.0.0.1"))
    async with receiver(answers(200, b"ok")) as partner:
        found = await asyncio.gather(*(egress.post(partner.url("a.example"), {}, b"") for _ in range(40)))
    assert [answer.body for answer in found] == [b"ok"] * 40


class TestWhereItGoes:
    @pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/"])
    async def test_our_own_machine_is_never_spoken_to_unless_allowed(self, url: str) -> None:
        policy = EgressPolicy(allow_http=True)
        async with receiver(answers(200, b"secret")) as inside:
            answer = await Egress(policy).post(url.format(port=inside.port), {}, b"")
        assert code_of(answer) in (FailureCode.address_not_allowed, FailureCode.host_not_allowed)
        assert (answer.status, answer.body, inside.connections) == (None, b"", 0)

    async def test_a_clean_name_that_leads_inside_is_found_out_when_the_socket_opens(self) -> None:
        async with receiver(answers(200, b"secret")) as inside:
            policy = EgressPolicy(allow_http=True, ports=frozenset({inside.port}))
            egress = Egress(policy, resolver=leads_to("127.0.0.1"))
            answer = await egress.post(inside.url("hooks.partner.example"), {}, b"")
        assert code_of(answer) == FailureCode.address_not_allowed
        assert inside.connections == 0

    @pytest.mark.parametrize("bad", ["10.0.0.5", "169.254.169.254", "fd00:ec2::254", "64:ff9b::a00:5", "::ffff:10.0.0.5"])
    async def test_one_bad_address_among_good_ones_spoils_the_name(self, bad: str) -> None:
        egress = Egress(HERE, resolver=leads_to("127.0.0.1", bad))
        async with receiver(answers()) as partner:
            answer = await egress.post(partner.url("hooks.partner.example"), {}, b"")
        assert code_of(answer) == FailureCode.address_not_allowed
        assert bad not in repr(answer)
        assert partner.connections == 0

    async def test_the_name_is_looked_up_once_so_a_second_answer_gains_nothing(self) -> None:
        asked: list[tuple[str, int]] = []

        async def rebinding(host: str, port: int) -> list[str]:
            asked.append((host, port))
            return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

        async with receiver(answers()) as partner:
            answer = await Egress(HERE, resolver=rebinding).post(partner.url("hooks.partner.example"), {}, b"")
        assert answer.ok
        assert asked == [("hooks.partner.example", partner.port)]

    async def test_the_next_address_is_tried_when_the_first_refuses(self) -> None:
        egress = Egress(HERE, resolver=leads_to("127.0.0.2", "127.0.0.1"))
        async with receiver(answers()) as partner:  # listens on 127.0.0.1 only
            assert (await egress.post(partner.url("hooks.partner.example"), {}, b"")).ok

    async def test_the_operating_system_looks_names_up_by_default(self) -> None:
        async with receiver(answers()) as partner:
            assert (await Egress(HERE).post(partner.url("localhost"), {}, b"")).ok

    async def test_proxies_and_authorities_of_the_environment_are_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with receiver(answers()) as proxy, receiver(answers()) as partner:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
                monkeypatch.setenv(name, proxy.url(path=""))
            monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
            assert (await Egress(HERE).post(partner.url(), {}, b"")).ok
        assert (proxy.connections, partner.connections) == (0, 1)

    async def test_a_header_cannot_smuggle_another_host_or_a_second_request(self) -> None:
        async with receiver(answers()) as partner:
            for headers in ({"Host": "inside"}, {"X-A": "1\r\nHost: inside"}, {"X A": "1"}, {"Transfer-Encoding": "x"}):
                answer = await Egress(HERE).post(partner.url(), headers, b"")
                assert code_of(answer) == FailureCode.header_not_allowed
        assert partner.connections == 0

    async def test_an_unreadable_url_is_a_failure_like_any_other(self) -> None:
        assert code_of(await Egress(HERE).post("https://[::1", {}, b"")) == FailureCode.url_malformed


class TestWhatIsKept:
    async def test_a_long_answer_is_cut_off_and_is_no_failure(self) -> None:
        async with receiver(answers(200, b"x" * 1_000_000)) as partner:
            answer = await Egress(HERE).post(partner.url(), {}, b"")
        assert answer.ok
        assert (len(answer.body), answer.truncated) == (16_384, True)

    async def test_an_answer_of_just_the_right_length_is_whole(self) -> None:
        async with receiver(answers(200, b"x" * 16_384)) as partner:
            answer = await Egress(HERE).post(partner.url(), {}, b"")
        assert (len(answer.body), answer.truncated) == (16_384, False)

    async def test_an_endless_answer_ends_when_enough_has_come(self) -> None:
        async with receiver(drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096)) as partner:
            answer = await Egress(HERE).post(partner.url(), {}, b"")
            await asyncio.wait_for(partner.hung_up.wait(), 2)
        assert answer.ok
        assert (len(answer.body), answer.truncated) == (16_384, True)

    @pytest.mark.parametrize(
        ("encoding", "packed"),
        [("gzip", gzip.compress(b"hello", mtime=0)), ("deflate", zlib.compress(b"hello"))],
        ids=["gzip", "deflate"],
    )
    async def test_an_answer_packed_unasked_is_unpacked(self, encoding: str, packed: bytes) -> None:
        async with receiver(answers(200, packed, Content_Encoding=encoding)) as partner:
            answer = await Egress(HERE).post(partner.url(), {}, b"")
        assert (answer.body_excerpt, answer.truncated) == ("hello", False)

    async def test_a_bomb_is_unpacked_only_to_the_limit(self) -> None:
        bomb = gzip.compress(b"\0" * 10_000_000)
        assert len(bomb) < 16_384
        async with receiver(answers(200, bomb, Content_Encoding="gzip")) as partner:
            answer = await Egress(HERE).post(partner.url(), {}, b"")
        assert (len(answer.body), answer.truncated) == (16_384, True)
        assert "\0" not in answer.body_excerpt

    @pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip"])
    async def test_an_answer_that_cannot_be_unpacked_has_no_excerpt(self, encoding: str) -> None:
        async with receiver(answers(200, b"not packed like that", Content_Encoding=encoding)) as partner:
            answer = await Egress(HERE).post(partner.url(), {}, b"")
        assert (answer.ok, answer.body, answer.truncated) == (True, b"", True)

    async def test_an_excerpt_is_always_text_that_can_be_stored(self) -> None:
        async with receiver(answers(200, b"a\0b\xff\xed\xa0\x80")) as partner:
            excerpt = (await Egress(HERE).post(partner.url(), {}, b"")).body_excerpt
        assert excerpt.startswith("a\ufffdb\ufffd")
        assert excerpt.encode("utf-8")

    async def test_headers_are_kept_up_to_a_bound(self) -> None:
        many = {f"X-{n}": "v" * 1000 for n in range(40)}
        async with receiver(answers(200, b"", **many)) as partner:
            answer = await Egress(HERE).post(partner.url(), {}, b"")
        assert answer.ok
        assert sum(len(name) + len(value) for name, value in answer.headers.items()) <= 8192

    async def test_who_needs_the_whole_answer_gets_it_or_a_failure(self) -> None:
        async with receiver(answers(200, b"x" * 50_000)) as peer:
            whole = await Egress(HERE).request("GET", peer.url(), whole_up_to=50_000)
            too_large = await Egress(HERE).request("GET", peer.url(), whole_up_to=49_999)
        assert (whole.ok, len(whole.body)) == (True, 50_000)
        assert code_of(too_large) == FailureCode.answer_too_large

    async def test_a_bomb_is_too_large_for_who_needs_the_whole(self) -> None:
        async with receiver(answers(200, gzip.compress(b"\0" * 1_000_000), Content_Encoding="gzip")) as peer:
            answer = await Egress(HERE).request("GET", peer.url(), whole_up_to=100_000)
        assert code_of(answer) == FailureCode.answer_too_large
        assert len(answer.body) <= 100_000


class TestFaults:
    async def test_a_name_nobody_knows(self) -> None:
        async def unknown(host: str, port: int) -> list[str]:
            raise OSError("[Errno -2] Name or service not known")

        answer = await Egress(HERE, resolver=unknown).post("https://gone.partner.example/", {}, b"")
        assert answer.failure == Failure(FailureCode.dns_failed, "The host name could not be looked up.")

    @pytest.mark.parametrize("found", [(), ("not an address",)])
    async def test_a_look_up_without_a_usable_address(self, found: tuple[str, ...]) -> None:
        answer = await Egress(HERE, resolver=leads_to(*found)).post("https://gone.partner.example/", {}, b"")
        assert code_of(answer) == FailureCode.dns_failed

    async def test_nobody_listens(self) -> None:
        async with receiver(answers()) as partner:
            pass
        assert code_of(await Egress(HERE).post(partner.url(), {}, b"")) == FailureCode.connection_refused

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        ],
        ids=["hangs up", "not HTTP", "half a body", "bad length", "bad chunk", "upgrade", "endless header"],
    )
    async def test_not_well_formed_http(self, raw: bytes) -> None:
        async with receiver(says(raw)) as partner:
            answer = await Egress(HERE).post(partner.url(), {}, b"")
        assert code_of(answer) in (FailureCode.bad_answer, FailureCode.connection_lost)

    async def test_a_connection_that_breaks(self) -> None:
        async def breaks(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
            await writer.drain()
            writer.transport.abort()

        async with receiver(breaks) as partner:
            answer = await Egress(HERE).post(partner.url(), {}, b"")
        assert code_of(answer) in (FailureCode.bad_answer, FailureCode.connection_lost)
        assert answer.status == 200

    @pytest.mark.parametrize(
        ("beginning", "drop"),
        [
            (b"", b""),
            (b"HTTP/1.1 200 OK\r\n", b"X-Drip: 1\r\n"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        ],
        ids=["silence", "header by header", "continue for ever", "byte by byte", "chunk by chunk"],
    )
    async def test_one_deadline_covers_everything(self, beginning: bytes, drop: bytes) -> None:
        async with receiver(drips(beginning, drop)) as partner:
            answer = await Egress(HURRIED).post(partner.url(), {}, b"")
            await asyncio.wait_for(partner.hung_up.wait(), 2)
        assert code_of(answer) == FailureCode.timeout
        assert 200 <= answer.duration_ms < 2000

    async def test_a_status_outlives_a_body_that_never_ends_but_is_not_called_good(self) -> None:
        async with receiver(drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x")) as partner:
            answer = await Egress(HURRIED).post(partner.url(), {}, b"")
        assert (answer.status, answer.ok) == (200, False)
        assert answer.body.startswith(b"xx")

    async def test_the_deadline_covers_the_look_up_too(self) -> None:
        async def slow(host: str, port: int) -> list[str]:
            await asyncio.sleep(30)
            return ["127.0.0.1"]

        answer = await Egress(HURRIED, resolver=slow).post("https://slow.partner.example/", {}, b"")
        assert code_of(answer) == FailureCode.timeout

    async def test_the_deadline_covers_a_receiver_that_does_not_read(self) -> None:
        async with silent_listener() as partner:
            answer = await Egress(HURRIED).post(partner.url(), {}, b"x" * 5_000_000)
            await asyncio.wait_for(partner.hung_up.wait(), 2)
        assert code_of(answer) == FailureCode.timeout

    async def test_a_cancelled_request_hangs_up_and_stays_cancelled(self) -> None:
        async with receiver(drips(b"", b"")) as partner:
            request = asyncio.create_task(Egress(HERE).post(partner.url(), {}, b""))
            while not partner.bodies:
                await asyncio.sleep(0.005)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            await asyncio.wait_for(partner.hung_up.wait(), 2)


async def test_neither_url_nor_body_nor_header_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiver(answers(200, b"ok")) as partner:
        headers = {"Authorization": "Bearer hush"}
        assert (await Egress(HERE).post(partner.url(path="/hush?token=hush"), headers, b"hush")).ok
    assert "hush" not in caplog.text
