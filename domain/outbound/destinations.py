"""Where outbound requests may go: a customer names the URL, so it must never lead into our own network.

The surprising fact: a clean URL proves little, because its name may resolve to 127.0.0.1 or to a cloud's metadata
service. So the URL is checked here when it is registered, and every address again at the moment a socket opens.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import httpx

from domain.errors import Fault, Invalid
from domain.settings import Settings

MAX_URL_LENGTH = 2000

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class FailureCode(StrEnum):
    """Why a request brought no usable answer. Shown to customers and kept with deliveries: never rename one."""

    url_malformed = "url_malformed"
    scheme_not_allowed = "scheme_not_allowed"
    userinfo_not_allowed = "userinfo_not_allowed"
    host_not_allowed = "host_not_allowed"
    port_not_allowed = "port_not_allowed"
    address_not_allowed = "address_not_allowed"
    header_not_allowed = "header_not_allowed"
    dns_failed = "dns_failed"
    connection_refused = "connection_refused"
    unreachable = "unreachable"
    tls_failed = "tls_failed"
    timeout = "timeout"
    connection_lost = "connection_lost"
    bad_answer = "bad_answer"
    answer_too_large = "answer_too_large"


class EgressRefused(Invalid):
    """We will not go there. `reason` is stable, `detail` is a sentence for the customer; no address is named."""

    def __init__(self, reason: FailureCode, detail: str, *, pointer: str = "/url") -> None:
        super().__init__([Fault(pointer, reason, detail)])
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class EgressPolicy:
    """What the operator allows. `deadline` is in seconds and covers everything from the look-up of the name to the
    last byte of the answer; `kept_bytes` bounds the answer's body, both as sent and unpacked."""

    allow_http: bool = False
    allow_loopback: bool = False
    ports: frozenset[int] = frozenset({443})
    deadline: float = 15.0
    connect_timeout: float = 5.0
    kept_bytes: int = 16_384
    user_agent: str = "Bitewing/1"

    @classmethod
    def of(cls, settings: Settings) -> "EgressPolicy":
        return cls(
            allow_http=settings.webhook_allow_http,
            allow_loopback=settings.webhook_allow_loopback,
            ports=frozenset(settings.webhook_ports),
        )

    def allows_port(self, port: int, *, scheme: str) -> bool:
        """Loopback is for development, where receivers listen on any port."""
        return self.allow_loopback or port in self.ports or (self.allow_http and (scheme, port) == ("http", 80))


def check_url(url: str, policy: EgressPolicy, *, pointer: str = "/url") -> None:
    """Raises EgressRefused, for `pointer`, unless `url` may be registered. Looks up no name: quick and safe anywhere."""
    try:
        destination(url, policy)
    except EgressRefused as refused:
        raise EgressRefused(refused.reason, refused.detail, pointer=pointer) from None


def destination(url: str, policy: EgressPolicy) -> httpx.URL:
    """The parsed URL, if it may be registered. The same parser serves check and request, so they cannot disagree."""
    if len(url) > MAX_URL_LENGTH:
        raise EgressRefused(FailureCode.url_malformed, f"The URL is longer than {MAX_URL_LENGTH} characters.")
    if re.search(r"[\s\\\x00-\x20\x7f]", url):
        raise EgressRefused(FailureCode.url_malformed, "The URL contains a space, a backslash or a control character.")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise EgressRefused(FailureCode.url_malformed, "This cannot be read as a URL.") from None
    check_parsed_url(parsed, policy)
    return parsed


def check_parsed_url(url: httpx.URL, policy: EgressPolicy) -> None:
    """The same check for a URL that is already in the parser's hands."""
    if url.scheme not in ("https", "http"):
        raise EgressRefused(FailureCode.scheme_not_allowed, "The URL must begin with https://.")
    if url.scheme == "http" and not policy.allow_http:
        raise EgressRefused(FailureCode.scheme_not_allowed, "The URL must use https, so that nobody can read along.")
    if url.userinfo:
        raise EgressRefused(FailureCode.userinfo_not_allowed, "The URL must not contain a user name or password.")
    _check_host(url.raw_host.decode("ascii"), policy)
    port = port_of(url)
    if not 0 < port < 65536 or not policy.allows_port(port, scheme=url.scheme):
        raise EgressRefused(FailureCode.port_not_allowed, "Requests to this port are not allowed.")


def leads_elsewhere(before: str, after: str) -> bool:
    """Whether another URL means another host, port or scheme: what was told to the one in confidence is not for the other."""
    old, new = httpx.URL(before), httpx.URL(after)
    return (old.scheme, old.raw_host, port_of(old)) != (new.scheme, new.raw_host, port_of(new))


def port_of(url: httpx.URL) -> int:
    """The port that will be used, also where the URL leaves it out."""
    if url.port is not None:
        return url.port
    return 443 if url.scheme == "https" else 80


_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
# A host whose last part is a number is an IPv4 address in the URL standard, however oddly it is spelt, and the
# operating system's look-up agrees: 2130706433, 0x7f.1 and 127.1 all lead to 127.0.0.1.
_ENDS_IN_NUMBER = re.compile(r"(^|\.)(0x[0-9a-f]*|[0-9]+)$")
_LOCAL_NAMES = ("localdomain", "local", "internal", "home.arpa", "onion")


def _check_host(host: str, policy: EgressPolicy) -> None:
    if not host:
        raise EgressRefused(FailureCode.host_not_allowed, "The URL names no host.")
    if host.endswith("."):
        raise EgressRefused(FailureCode.host_not_allowed, "Write the host name without the full stop at its end.")
    if literal := address(host):
        check_address(literal, policy)
        return
    if ":" in host or _ENDS_IN_NUMBER.search(host):
        raise EgressRefused(FailureCode.host_not_allowed, "The host looks like an IP address but is not a plain one.")
    if len(host) > 253 or not _HOST_NAME.fullmatch(host):
        raise EgressRefused(FailureCode.host_not_allowed, "The host is not a well-formed name.")
    if _is_within(host, "localhost"):
        if not policy.allow_loopback:
            raise EgressRefused(FailureCode.host_not_allowed, "The host names this server itself.")
    elif "." not in host or any(_is_within(host, name) for name in _LOCAL_NAMES):
        raise EgressRefused(FailureCode.host_not_allowed, "The host is not a name of the public internet.")


def _is_within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def address(text: str) -> IpAddress | None:
    """The address that `text` plainly spells, or None when it is something else."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def check_address(candidate: IpAddress, policy: EgressPolicy) -> None:
    """Raises EgressRefused unless a socket may be opened to this address."""
    if policy.allow_loopback and any(candidate in network for network in _LOOPBACK):
        return
    if not _is_public(candidate):
        raise EgressRefused(FailureCode.address_not_allowed, "The host leads to an address that is not on the public internet.")


def _is_public(candidate: IpAddress) -> bool:
    """Python's `is_global` alone calls multicast, NAT64, 6to4, site-local and SRv6 addresses global; our table
    alone would miss what the registries add. So both must agree."""
    if isinstance(candidate, ipaddress.IPv6Address) and (candidate.scope_id or candidate not in _GLOBAL_UNICAST_V6):
        return False
    return candidate.is_global and not any(candidate in network for network in _NEVER)


_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

# Everything of IPv6 that is public today (RFC 4291 section 2.4 and the IANA registry). What lies outside needs no
# line of its own: ::/96, ::ffff:0:0/96 (IPv4-mapped), 64:ff9b::/96 and 64:ff9b:1::/48 (NAT64), 100::/64 (discard),
# 5f00::/16 (SRv6), fc00::/7 (unique local), fe80::/10 (link-local), fec0::/10 (site-local), ff00::/8 (multicast).
_GLOBAL_UNICAST_V6 = ipaddress.ip_network("2000::/3")

# https://www.iana.org/assignments/iana-ipv4-special-registry and .../iana-ipv6-special-registry
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers (CGNAT)
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # public by number, but Azure answers it inside every virtual machine
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # class E and broadcast
        "2001::/23",  # protocol assignments, with Teredo, benchmarks and ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address inside
        "3fff::/20",  # documentation
    )
)


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?|")
# These belong to the connection, or would let a caller speak to another host than the one that was checked.
_OUR_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises EgressRefused unless these headers may be sent. Their values may be secret and are never repeated."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise _header_refused("A header's name is not well-formed.")
        if name.lower() in _OUR_HEADERS:
            raise _header_refused(f"The header {name} is set by the connection itself.")
        if not _HEADER_VALUE.fullmatch(value):
            raise _header_refused(f"The value of the header {name} must be printable ASCII without outer spaces.")


def _header_refused(detail: str) -> EgressRefused:
    return EgressRefused(FailureCode.header_not_allowed, detail, pointer="/headers")
