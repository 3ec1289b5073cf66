"""Which URLs may be registered and which addresses a socket may be opened to."""

import ipaddress
import random
import string

import pytest

from domain.errors import Invalid
from domain.outbound.destinations import (
    EgressPolicy,
    EgressRefused,
    FailureCode,
    address,
    check_address,
    check_headers,
    check_url,
    destination,
)
from domain.settings import Settings

PUBLIC = EgressPolicy()
DEVELOPMENT = EgressPolicy(allow_http=True, allow_loopback=True)


def refusal(url: str, policy: EgressPolicy = PUBLIC) -> FailureCode | None:
    try:
        check_url(url, policy)
    except EgressRefused as refused:
        assert refused.detail.endswith(".")
        return refused.reason
    return None


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.partner.example",
        "https://hooks.partner.example/",
        "https://hooks.partner.example:443/in?tenant=1&x=%20#part",
        "https://hooks.partner.example:/",
        "HTTPS://HOOKS.Partner.Example/In",
        "https://bücher.example/",
        "https://xn--bcher-kva.example/",
        "https://a_b.partner.example/",
        "https://r3---sn.partner.example/",
        "https://3com.example/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
    ],
)
def test_ordinary_urls_are_welcome(url: str) -> None:
    assert refusal(url) is None


MALFORMED, SCHEME, USER, HOST, PORT, ADDRESS = (
    FailureCode.url_malformed,
    FailureCode.scheme_not_allowed,
    FailureCode.userinfo_not_allowed,
    FailureCode.host_not_allowed,
    FailureCode.port_not_allowed,
    FailureCode.address_not_allowed,
)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", SCHEME),
        ("hooks.partner.example", SCHEME),
        ("//hooks.partner.example/", SCHEME),
        ("ftp://hooks.partner.example/", SCHEME),
        ("file:///etc/passwd", SCHEME),
        ("javascript:alert(1)", SCHEME),
        ("http://hooks.partner.example/", SCHEME),
        ("https:hooks.partner.example", HOST),
        ("https://", HOST),
        ("https:///in", HOST),
        ("https://:443/", HOST),
        ("https://user@hooks.partner.example/", USER),
        ("https://user:password@hooks.partner.example/", USER),
        ("https://hooks.partner.example@127.0.0.1/", USER),
        ("https://hooks.partner.example:80/", PORT),
        ("https://hooks.partner.example:8443/", PORT),
        ("https://hooks.partner.example:0/", PORT),
        ("https://hooks.partner.example:-1/", PORT),
        ("https://hooks.partner.example:65536/", PORT),
        ("https://hooks.partner.example:99999999999999999999/", PORT),
        ("https://hooks.partner.example:https/", MALFORMED),
        ("https://hooks.partner.example /", MALFORMED),
        ("https://hooks.partner.example/a b", MALFORMED),
        ("https://hooks.partner.example/a\nb", MALFORMED),
        ("https://hooks.partner.example\\@127.0.0.1/", MALFORMED),
        ("https://hooks.partner.example/\ud800", MALFORMED),
        ("https://[::1/", MALFORMED),
        ("https://[hooks.partner.example]/", MALFORMED),
        ("https://hooks.partner.example/" + "x" * 2000, MALFORMED),
    ],
)
def test_other_urls_are_refused_with_a_reason(url: str, reason: FailureCode) -> None:
    assert refusal(url) == reason


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "any.localhost",
        "localhost.localdomain",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0X7F.0.0.1",
        "017700000001",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "127.000.000.001",
        "0",
        "0.0.0.0",
        "0x",
        "1.2.3.4.5",
        "256.256.256.256",
        "127.0.0.1.",
        "１２７.0.0.1",
        "127。0。0。1",
        "①②⑦.0.0.1",
        "127.0.0.1%00.partner.example",
        "127%2e0%2e0%2e1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[2606:4700:4700::1111%eth0]",
        "169.254.169.254",
        "metadata.google.internal",
        "printer.local",
        "router.home.arpa",
        "hidden.onion",
        "intranet",
        "partner.example.",
        ".partner.example",
        "partner..example",
        "-partner.example",
        "partner-.example",
        "par%74ner.example",
        "partner!.example",
        "a" * 64 + ".example",
        ".".join(["a" * 60] * 5),
    ],
)
def test_odd_spellings_and_inside_names_are_refused_as_hosts(host: str) -> None:
    assert refusal(f"https://{host}/") in (HOST, ADDRESS, MALFORMED)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "receiver.localhost"])
def test_loopback_is_open_only_by_its_own_switch(host: str) -> None:
    assert refusal(f"http://{host}:8999/hooks", DEVELOPMENT) is None
    assert refusal(f"http://{host}:80/hooks", EgressPolicy(allow_http=True)) in (HOST, ADDRESS)


@pytest.mark.parametrize("host", ["10.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433", "127.1", "192.168.1.1"])
def test_the_loopback_switch_opens_nothing_else(host: str) -> None:
    assert refusal(f"http://{host}:8999/hooks", DEVELOPMENT) in (HOST, ADDRESS)


def test_ports_follow_the_policy() -> None:
    plain = EgressPolicy(allow_http=True)
    assert refusal("http://hooks.partner.example/", plain) is None
    assert refusal("http://hooks.partner.example:8080/", plain) == PORT
    assert refusal("https://hooks.partner.example:80/", plain) == PORT
    wider = EgressPolicy(ports=frozenset({443, 8443}))
    assert refusal("https://hooks.partner.example:8443/", wider) is None
    assert refusal("https://hooks.partner.example/", EgressPolicy(ports=frozenset({8443}))) == PORT


def test_the_policy_comes_from_the_settings() -> None:
    assert EgressPolicy.of(Settings()) == EgressPolicy()
    settings = Settings(webhook_allow_http=True, webhook_allow_loopback=True, webhook_ports=(443, 8443))
    policy = EgressPolicy.of(settings)
    assert (policy.allow_http, policy.allow_loopback, policy.ports) == (True, True, frozenset({443, 8443}))


def test_a_refusal_reads_as_an_invalid_field() -> None:
    with pytest.raises(Invalid) as refused:
        check_url("http://hooks.partner.example/", PUBLIC)
    [fault] = refused.value.faults
    assert (fault.pointer, fault.code) == ("/url", "scheme_not_allowed")


def test_a_refusal_never_repeats_a_token_in_the_url() -> None:
    for url in ("https://hush:hush@hooks.partner.example/", "https://10.0.0.1/hush?token=hush", "https://[hush"):
        with pytest.raises(EgressRefused) as refused:
            check_url(url, PUBLIC)
        assert "hush" not in str(refused.value)


def test_an_international_name_becomes_its_ascii_form() -> None:
    assert destination("https://Bücher.example/", PUBLIC).raw_host == b"xn--bcher-kva.example"


def test_no_text_at_all_breaks_the_check() -> None:
    chance = random.Random(7)
    pieces = [
        *string.printable,
        "https://",
        "http://",
        "[",
        "]",
        "@",
        "::",
        "%",
        "é",
        "。",
        "\ud800",
        "\0",
        "xn--",
        ".",
        "1",
    ]
    for _ in range(3000):
        url = chance.choice(["", "https://"]) + "".join(chance.choices(pieces, k=chance.randrange(30)))
        refusal(url)
        refusal(url, DEVELOPMENT)


NOT_PUBLIC = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.255
168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.9 192.0.0.10 192.0.0.192
192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250
240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1
100:0:0:1::1 2001::1 2001:0:7f00:1:: 2001:2::1 2001:3::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1
2002:7f00:1:: 2002:808:808::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0
febf::1 fec0::1 ff02::1 ff0e::1
""".split()  # noqa: SIM905  (a table is easier to check than a list)


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_no_socket_opens_to_an_address_that_is_not_public(text: str) -> None:
    candidate = address(text)
    assert candidate is not None
    with pytest.raises(EgressRefused) as refused:
        check_address(candidate, PUBLIC)
    assert refused.value.reason == ADDRESS
    assert text not in refused.value.detail


@pytest.mark.parametrize(
    "text",
    """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 168.63.129.17
    169.253.255.255 172.15.255.255 172.32.0.1 192.0.1.1 192.88.98.1 192.167.255.255 198.17.255.255 198.20.0.1
    223.255.255.255 2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 2a00:1450:4001::1 3ffe::1
    """.split(),  # noqa: SIM905  (a table is easier to check than a list)
)
def test_the_public_internet_next_to_the_edges_is_reachable(text: str) -> None:
    candidate = address(text)
    assert candidate is not None
    check_address(candidate, PUBLIC)


def test_whatever_python_calls_not_global_is_refused_too() -> None:
    chance = random.Random(7)
    for _ in range(2000):
        for candidate in (
            ipaddress.IPv4Address(chance.getrandbits(32)),
            ipaddress.IPv6Address(chance.getrandbits(128)),
            ipaddress.IPv6Address(0x2001 << 112 | chance.getrandbits(16) << 96),
        ):
            if not candidate.is_global or candidate.is_multicast:
                with pytest.raises(EgressRefused):
                    check_address(candidate, PUBLIC)


def test_custom_headers_may_be_sent() -> None:
    check_headers({"Authorization": "Bearer abc", "X-Tenant_1": "a b\tc", "X-Empty": ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "other.example"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive"),
        ("Accept-Encoding", "gzip"),
        ("Proxy-Authorization", "hush"),
        ("", "hush"),
        ("X A", "hush"),
        ("X-A:", "hush"),
        ("X-Ä", "hush"),
        ("X-A", "hush\r\nHost: other.example"),
        ("X-A", "hush\0"),
        ("X-A", " hush"),
        ("X-A", "hush "),
        ("X-A", "hush é"),
    ],
)
def test_other_headers_are_refused_without_repeating_their_value(name: str, value: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        check_headers({name: value})
    assert refused.value.reason == FailureCode.header_not_allowed
    assert "hush" not in str(refused.value)
