"""Internet addresses and the networks they lie in: which of them a key may be used from, which proxy is believed.

An IPv4 address that arrives in IPv6 clothes (``::ffff:192.0.2.1``) is the IPv4 address.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parse_address(text: str | None) -> Address | None:
    """The address, or None for a text that is none."""
    try:
        found = ip_address((text or "").strip().strip("[]"))
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def parse_network(text: str) -> Network:
    """A network in CIDR notation, or one address; raises ValueError. Bits behind the prefix are an error, not a guess."""
    return ip_network(text.strip())


def includes(networks: Iterable[Network], address: str | None) -> bool:
    """Whether the address lies in one of the networks. An address that nobody knows lies in none."""
    found = parse_address(address)
    return found is not None and any(found in network for network in networks)


def covers(networks: Iterable[Network], inner: Network) -> bool:
    """Whether the whole of ``inner`` lies in one of the networks."""
    return any(inner.version == each.version and inner.subnet_of(each) for each in networks)  # pyright: ignore[reportArgumentType]  of one version


def client_address(peer: str | None, forwarded: Iterable[str], trusted: tuple[Network, ...]) -> str | None:
    """Where a request comes from: the peer, or what a trusted proxy says of it.

    ``forwarded`` are the values of ``X-Forwarded-For``. They are read from the right, each believed only as long as the
    one who said it is a trusted proxy: what stands further left, anybody can write.
    """
    said = parse_address(peer)
    if said is None:
        return peer
    hops = [hop for value in forwarded for hop in value.split(",")]
    while hops and any(said in network for network in trusted):
        earlier = parse_address(_without_port(hops.pop()))
        if earlier is None:
            break
        said = earlier
    return str(said)


def _without_port(hop: str) -> str:
    """``192.0.2.1:443`` and ``[2001:db8::1]:443`` as some proxies write them."""
    hop = hop.strip()
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
