"""Where a request comes from: what a proxy says counts only when the proxy is trusted."""

import pytest

from domain.networks import client_address, covers, includes, parse_network

PROXIES = (parse_network("10.0.0.0/8"), parse_network("2001:db8:1::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("198.51.100.1", ["203.0.113.9"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["unknown, 10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8:9::1]:443"], "2001:db8:9::1"),
        ("2001:db8:1::5", ["2001:db8:9::1"], "2001:db8:9::1"),
        ("::ffff:10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        (None, ["203.0.113.9"], None),
    ],
)
def test_the_client_is_the_last_whom_a_trusted_proxy_names(peer: str | None, forwarded: list[str], found: str | None) -> None:
    assert client_address(peer, forwarded, PROXIES) == found


def test_an_address_that_nobody_knows_lies_nowhere() -> None:
    everywhere = (parse_network("0.0.0.0/0"), parse_network("::/0"))
    assert includes(everywhere, "203.0.113.9")
    assert not includes(everywhere, None)
    assert not includes(everywhere, "testclient")


def test_one_network_covers_another_of_its_own_kind_only() -> None:
    assert covers(PROXIES, parse_network("10.1.0.0/16"))
    assert not covers(PROXIES, parse_network("0.0.0.0/0"))
    assert not covers(PROXIES, parse_network("2001:db8::/32"))
