"""Operating system names, as tools and people write them, matched to the rows of the lifecycle table.

Support ends per edition and build, not per name: "Windows 11" alone says nothing. The name decides first (client and
server share builds), then the build (a "Windows 10" of build 22000 or more is Windows 11), then the edition.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol


class LifecycleRow(Protocol):
    """What a row of the lifecycle table must offer; ``build`` is ``10.0.26100`` or None."""

    @property
    def product(self) -> str: ...
    @property
    def release_cycle(self) -> str: ...
    @property
    def build(self) -> str | None: ...


class OperatingSystem(NamedTuple):
    name: str | None
    edition: str | None
    build: str | None
    candidates: tuple[str, ...]
    """``product:release_cycle`` of every row that fits, newest release first as the table has them."""
    recognised: bool
    """False for something that was named but fits no row."""

    @property
    def key(self) -> str | None:
        return self.candidates[0] if len(self.candidates) == 1 else None


@dataclass(frozen=True, slots=True)
class _Client:
    """A row of the Windows client, its release cycle taken apart: ``10-21h2-iot-lts`` is 10, 21h2, iot-lts."""

    key: str
    version: str
    release: str
    channel: str
    build: str | None


UNKNOWN = OperatingSystem(None, None, None, (), recognised=True)


class OperatingSystems:
    """The lifecycle table, prepared for look-ups. Build it once and share it."""

    def __init__(self, rows: Iterable[LifecycleRow]) -> None:
        self._rows = tuple(rows)
        self._clients = tuple(_client(row) for row in self._rows if row.product == "windows")
        self._releases = {(row.version, row.release) for row in self._clients}
        self._remembered = lru_cache(maxsize=4096)(self._recognise)  # an export repeats a handful of systems

    def recognise(
        self, name: str | None, *, build: str | None = None, edition: str | None = None, release: str | None = None
    ) -> OperatingSystem:
        """``build`` may carry a revision or lack the kernel version; ``release`` is Microsoft's, such as 24H2."""
        return self._remembered(name, build, edition, release)

    def _recognise(self, name: str | None, build: str | None, edition: str | None, release: str | None) -> OperatingSystem:
        if name is None or _letters(name) in _NO_NAME:
            return UNKNOWN
        text = _SHORT_WINDOWS.sub("windows ", _NOISE.sub(" ", name.casefold())).strip()
        if _MACOS.search(text):
            return self._macos(text, build)
        if not _WINDOWS.search(text):
            return OperatingSystem(name, None, None, (), recognised=False)
        found = (
            normal_build(build) or _build_in((build or "").casefold()) or _build_in(text),
            _edition((edition or "").casefold()) or _edition(text),
            (release or "").casefold() or _release_in((build or "").casefold()),
        )
        if _EMBEDDED.search(text):
            return self._embedded(name, text, *found[:2])
        if _SERVER.search(text) or (edition or "").casefold().startswith("server"):
            return self._server(name, f"{text} {(edition or '').casefold()}", *found)
        return self._client(name, text, *found)

    def _client(self, name: str, text: str, build: str | None, edition: str | None, release: str | None) -> OperatingSystem:
        named = _CLIENT_VERSION.search(text)
        version = _true_version(named.group(1) if named else None, build)
        release = release or _release_in(text[named.end() :] if named else text)
        if version == "10" and build is None and release and ("10", release) not in self._releases:
            version = "11" if ("11", release) in self._releases else version
        if version is None:
            return OperatingSystem(name, edition, build, (), recognised=False)
        proper = f"Windows {_VERSION_NAMES.get(version, version)}"
        if version not in ("10", "11"):  # one row each: an older service pack is no better supported
            keys = [row.key for row in self._clients if row.version == _VERSION_CYCLES.get(version, version)]
            return OperatingSystem(proper, edition, build, tuple(keys), recognised=bool(keys))
        if edition == "Core":
            edition = "Home"
        year = _LTS_YEAR.search(text)
        if build is None and release is None and year:
            release = _LTS_RELEASES.get(year.group(1) or year.group(2))
        rows = [
            row
            for row in self._clients
            if row.version == version
            and (build is None or row.build == build)
            and (build is not None or release is None or row.release == release)
        ]
        keys = _of_channels(rows, edition)
        return OperatingSystem(proper, edition, build, keys, recognised=bool(keys))

    def _server(self, name: str, text: str, build: str | None, edition: str | None, release: str | None) -> OperatingSystem:
        small_business = _SMALL_BUSINESS.search(text)
        if small_business:
            proper, year, r2 = _SMALL_BUSINESS_SERVERS.get(small_business.group(1) or "", (name, "", False))
        else:
            named = _SERVER_YEAR.search(text)
            year, r2 = (named.group(1), bool(named.group(2))) if named else ("", False)
            proper = f"{_server_name(text)} {year}{' R2' if r2 else ''}".strip()
        if not year and (small_business or _ANY_YEAR.search(text)):
            return OperatingSystem(name, edition, build, (), recognised=False)
        rows = [row for row in self._rows if row.product == "windows-server"]
        if year:
            rows = [row for row in rows if _is_year(row.release_cycle, year, r2=r2)]
            pack = _SERVICE_PACK.search(text)
            packed = [row for row in rows if pack and row.release_cycle.endswith(f"-sp{pack.group(1)}")]
            rows = packed or rows
            if build and build.startswith("10.0."):
                rows = [row for row in rows if row.build == build]
        else:
            release = release or _release_in(text)
            if release:
                rows = [row for row in rows if row.release_cycle.partition("-")[0] == release]
                proper = f"Windows Server, version {release.upper()}"
            if build:
                rows = [row for row in rows if row.build == build]
        keys = tuple(f"{row.product}:{row.release_cycle}" for row in rows)
        return OperatingSystem(proper, _server_edition(text, edition), build, keys, recognised=bool(keys))

    def _embedded(self, name: str, text: str, build: str | None, edition: str | None) -> OperatingSystem:
        for pattern, cycle, proper in _EMBEDDED_PRODUCTS:
            if pattern.search(text) or (cycle == "standard-7-sp1" and _is_plain_embedded(text, build)):
                key = f"windows-embedded:{cycle}"
                known = any(f"{row.product}:{row.release_cycle}" == key for row in self._rows)
                return OperatingSystem(proper, None, build, (key,) if known else (), recognised=known)
        return OperatingSystem(name, edition, build, (), recognised=False)

    def _macos(self, text: str, build: str | None) -> OperatingSystem:
        number = _MACOS_NUMBER.search(text) or _MACOS_NUMBER.fullmatch((build or "").strip())
        if number:
            major, minor = number.group(1), number.group(2)
            release = major if major != "10" else f"10.{minor}" if minor else None
        else:
            release = next((cycle for pet_name, cycle in _MACOS_NAMES.items() if pet_name in text), None)
        if release is None:
            keys = tuple(f"macos:{row.release_cycle}" for row in self._rows if row.product == "macos")
            return OperatingSystem("macOS", None, None, keys, recognised=bool(keys))
        release = "11" if release == "10.16" else release  # what macOS 11 tells programs built before it
        known = any(row.product == "macos" and row.release_cycle == release for row in self._rows)
        return OperatingSystem(f"macOS {release}", None, None, (f"macos:{release}",) if known else (), recognised=known)


def normal_build(value: str | None) -> str | None:
    """``19045``, ``26200.2454`` or ``10.0.19045.4412`` as ``10.0.19045``; None for anything that is no build."""
    match = _BUILD.fullmatch((value or "").strip())
    if match is None:
        return None
    kernel, number = match.group(1), match.group(2)
    if kernel is None:
        kernel = _KERNELS.get(number) or ("10.0" if int(number) >= _FIRST_BUILD_OF_10 else None)
    return f"{kernel}.{number}" if kernel else None


def _client(row: LifecycleRow) -> _Client:
    version, _, rest = row.release_cycle.partition("-")
    release, _, channel = rest.partition("-")
    return _Client(f"{row.product}:{row.release_cycle}", version, release, channel, row.build)


def _true_version(named: str | None, build: str | None) -> str | None:
    """The name decides unless the build disproves it (8 that is 8.1, 10 that is 11); without one the build decides."""
    if build is None:
        return named
    kernel, _, number = build.rpartition(".")
    by_build = _KERNEL_VERSIONS.get(kernel)
    if kernel == "10.0":
        by_build = "11" if int(number) >= _FIRST_BUILD_OF_11 else "10"
    if named is None or (named, by_build) in (("10", "11"), ("8", "8.1")):
        return by_build
    return named


def _of_channels(rows: list[_Client], edition: str | None) -> tuple[str, ...]:
    """The rows an edition is served from. Long-term servicing counts only where the edition names it."""
    if edition == "IoT Core":
        return tuple(row.key for row in rows if row.channel == "iot")
    if edition in ("Enterprise LTSC", "Enterprise LTSB"):
        return tuple(row.key for row in rows if row.channel == "e-lts")
    if edition == "IoT Enterprise LTSC":
        own = {row.release for row in rows if row.channel == "iot-lts"}
        return tuple(row.key for row in rows if row.channel == "iot-lts" or (row.channel == "e-lts" and row.release not in own))
    channels = {"", "w", "e"}
    if edition in _ENTERPRISE_EDITIONS:
        channels = {"", "e"}
    elif edition is not None:
        channels = {"", "w"}
    return tuple(row.key for row in rows if row.channel in channels)


def _edition(text: str) -> str | None:
    return next((name for pattern, name in _EDITIONS if pattern.search(text)), None)


def _server_name(text: str) -> str:
    return "Hyper-V Server" if "hyper-v server" in text else "Windows Server"


def _server_edition(text: str, edition: str | None) -> str | None:
    match = _SERVER_EDITION.search(text)
    return match.group(1).capitalize() if match else edition


def _is_year(cycle: str, year: str, *, r2: bool) -> bool:
    base, _, rest = cycle.partition("-")
    if base != year:
        return False
    return year == "2003" or rest.startswith("r2") == r2


def _is_plain_embedded(text: str, build: str | None) -> bool:
    """Windows Embedded Standard 7 calls itself "Windows Embedded Standard" and only its build tells."""
    return "standard" in text and build is not None and build.startswith("6.1.")


def _build_in(text: str) -> str | None:
    match = _BUILD_IN_NAME.search(text)
    return normal_build(match.group(1) or match.group(2)) if match else None


def _release_in(text: str) -> str | None:
    match = _RELEASE.search(text)
    return match.group(1) if match else None


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


_NO_NAME = {"", "unknown", "na", "none", "null", "notavailable", "undefined"}
_NOISE = re.compile(r"\(r\)|\(tm\)|[®™,]|\bmicrosoft\b|\bx64\b|\bx86\b|\b(?:64|32)[- ]?bits?\b|\bedition\b")
_SHORT_WINDOWS = re.compile(
    r"\bwin(?:dows)?\s*(?=(?:11|10|8\.1|8|7|vista|xp|server)\b)|^(?=server 20(?:03|08|12|16|19|22|25)\b)"
)
"""As people write it in lists: Win10, Win Server 2019, Server 2019."""
_WINDOWS = re.compile(r"\bwindows\b|\bposready\b|\bhyper-v server\b")
_SERVER = re.compile(r"\bserver\b|\bsbs\b")
_EMBEDDED = re.compile(r"\bembedded\b|\bposready\b")
_MACOS = re.compile(r"\bmac ?os\b|\bos ?x\b")
_MACOS_NUMBER = re.compile(r"(?<![\w.])(\d{1,2})(?:\.(\d{1,2}))?(?:\.\d+)*(?!\d)")
_MACOS_NAMES = {
    "tahoe": "26",
    "sequoia": "15",
    "sonoma": "14",
    "ventura": "13",
    "monterey": "12",
    "big sur": "11",
    "catalina": "10.15",
    "mojave": "10.14",
    "high sierra": "10.13",
    "sierra": "10.12",
    "el capitan": "10.11",
    "yosemite": "10.10",
    "mavericks": "10.9",
    "mountain lion": "10.8",
    "snow leopard": "10.6",
    "leopard": "10.5",
}
_CLIENT_VERSION = re.compile(r"\bwindows\s+(?:nt\s+)?(11|10|8\.1|8|7|vista|xp)\b")
_VERSION_NAMES = {"vista": "Vista", "xp": "XP"}
_VERSION_CYCLES = {"vista": "6", "xp": "5"}
_SERVER_YEAR = re.compile(r"\b(2000|2003|2008|2012|2016|2019|2022|2025)(\s*r2\b)?")
_ANY_YEAR = re.compile(r"\b20\d\d\b(?<!2004)")  # 2004 is a release of 2020
_SERVER_EDITION = re.compile(r"(standard|datacenter|essentials|foundation|enterprise|premium|\bweb\b)")
_SERVICE_PACK = re.compile(r"\b(?:service pack|sp)\s*(\d)\b")
_SMALL_BUSINESS = re.compile(r"\b(?:small business server|sbs)\s*(\d{4})?")
_SMALL_BUSINESS_SERVERS = {  # built on the server release named here, with its dates
    "2003": ("Windows Small Business Server 2003", "2003", False),
    "2008": ("Windows Small Business Server 2008", "2008", False),
    "2011": ("Windows Small Business Server 2011", "2008", True),
}
_EMBEDDED_PRODUCTS = (
    (re.compile(r"\bposready 7\b"), "posready-7", "Windows Embedded POSReady 7"),
    (re.compile(r"\b8\.1 industry\b"), "8.1-industry", "Windows Embedded 8.1 Industry"),
    (re.compile(r"\b8\.1 pro\b"), "8.1-pro", "Windows Embedded 8.1 Pro"),
    (re.compile(r"\bcompact 2013\b"), "compact-2013", "Windows Embedded Compact 2013"),
    (re.compile(r"\bcompact 7\b"), "compact-7", "Windows Embedded Compact 7"),
    (re.compile(r"\bstandard 7\b"), "standard-7-sp1", "Windows Embedded Standard 7"),
)
_EDITIONS = (
    (re.compile(r"\biot core\b"), "IoT Core"),
    (re.compile(r"\biot ?enterprises\b|\biot ?enterprise\b.*\blts[bc]\b"), "IoT Enterprise LTSC"),
    (re.compile(r"\blts[b]\b"), "Enterprise LTSB"),
    (re.compile(r"\blts[c]\b|\benterprises\b"), "Enterprise LTSC"),
    (re.compile(r"\biot ?enterprise\b"), "IoT Enterprise"),
    (re.compile(r"enterprise\b"), "Enterprise"),
    (re.compile(r"\bpro(?:fessional)? ?education\b"), "Pro Education"),
    (re.compile(r"\bpro(?:fessional)? ?(?:for )?workstations?\b"), "Pro for Workstations"),
    (re.compile(r"\beducation\b"), "Education"),
    (re.compile(r"\bpro(?:fessional)?n?\b"), "Pro"),
    (re.compile(r"\bbusiness\b"), "Business"),
    (re.compile(r"\bhome premium\b"), "Home Premium"),
    (re.compile(r"\bhome basic\b"), "Home Basic"),
    (re.compile(r"\bhome\b"), "Home"),
    (re.compile(r"\bultimate\b"), "Ultimate"),
    (re.compile(r"\bstarter\b"), "Starter"),
    (re.compile(r"\bcore(?:single ?language|countryspecific|n)?\b"), "Core"),
)
_ENTERPRISE_EDITIONS = {"Enterprise", "Education", "IoT Enterprise"}
_BUILD = re.compile(r"(?:(\d{1,2}\.\d)\.)?(\d{4,5})(?:\.\d+)*")
_BUILD_IN_NAME = re.compile(r"\b(\d{1,2}\.\d\.\d{4,5})\b|\b(?:os )?build\s*(\d{4,5})\b")
_RELEASE = re.compile(r"\b(\d{2}h[12]|1507|1511|1607|1703|1709|1803|1809|1903|1909|2004)\b")
_LTS_YEAR = re.compile(r"\blts[bc]\s*(20\d\d)\b|\b(20\d\d)\s*lts[bc]\b")
_LTS_RELEASES = {"2015": "1507", "2016": "1607", "2019": "1809", "2021": "21h2", "2024": "24h2"}
_KERNELS = {
    "2195": "5.0",
    "2600": "5.1",
    "3790": "5.2",
    "6000": "6.0",
    "6001": "6.0",
    "6002": "6.0",
    "6003": "6.0",
    "7600": "6.1",
    "7601": "6.1",
    "9200": "6.2",
    "9600": "6.3",
}
_KERNEL_VERSIONS = {"5.1": "xp", "6.0": "vista", "6.1": "7", "6.2": "8", "6.3": "8.1"}
_FIRST_BUILD_OF_10 = 10240
_FIRST_BUILD_OF_11 = 22000
