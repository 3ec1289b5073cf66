"""Names of operating systems, and the lifecycle rows they stand for."""

import pytest

from domain.inventory.operating_systems import normal_build
from tests.domain.inventory.imports.samples import lifecycles, operating_systems


def keys(name: str | None, build: str | None = None, edition: str | None = None, release: str | None = None) -> list[str]:
    system = operating_systems().recognise(name, build=build, edition=edition, release=release)
    return list(system.candidates)


def described(name: str, build: str | None = None) -> tuple[str | None, str | None, str | None]:
    system = operating_systems().recognise(name, build=build)
    return system.name, system.edition, system.build


@pytest.mark.parametrize(
    ("said", "build"),
    [
        ("19045", "10.0.19045"),
        ("10.0.19045.4412", "10.0.19045"),
        ("26200.2454", "10.0.26200"),
        ("7601", "6.1.7601"),
        ("9600", "6.3.9600"),
        ("3790", "5.2.3790"),
        ("10.0", None),
        ("24G90", None),
        ("9999", None),
        ("", None),
        (None, None),
    ],
)
def test_builds_are_written_one_way(said: str | None, build: str | None) -> None:
    assert normal_build(said) == build


@pytest.mark.parametrize(
    ("edition", "key"),
    [
        ("Home", "windows:11-24h2-w"),
        ("Home Single Language", "windows:11-24h2-w"),
        ("Pro", "windows:11-24h2-w"),
        ("Professional Edition", "windows:11-24h2-w"),
        ("Pro Education", "windows:11-24h2-w"),
        ("Pro for Workstations", "windows:11-24h2-w"),
        ("Education", "windows:11-24h2-e"),
        ("Enterprise", "windows:11-24h2-e"),
        ("IoT Enterprise", "windows:11-24h2-e"),
        ("Enterprise LTSC", "windows:11-24h2-e-lts"),
        ("Enterprise LTSC 2024", "windows:11-24h2-e-lts"),
        ("IoT Enterprise LTSC", "windows:11-24h2-iot-lts"),
    ],
)
def test_the_edition_decides_between_rows_of_one_build(edition: str, key: str) -> None:
    assert keys(f"Windows 11 {edition}", "26100") == [key]


def test_without_an_edition_two_rows_remain_and_long_term_servicing_is_not_among_them() -> None:
    assert keys("Windows 11", "26100") == ["windows:11-24h2-e", "windows:11-24h2-w"]


@pytest.mark.parametrize(("edition_id", "key"), [("Professional", "w"), ("EnterpriseS", "e-lts"), ("Core", "w")])
def test_an_edition_may_come_in_a_field_of_its_own(edition_id: str, key: str) -> None:
    assert keys("Windows 10", "17763", edition=edition_id) == [f"windows:10-1809-{key}"]


@pytest.mark.parametrize(
    ("name", "build", "key"),
    [
        ("Windows 10 Enterprise LTSC 2019", None, "windows:10-1809-e-lts"),
        ("Windows 10 Enterprise 2016 LTSB", None, "windows:10-1607-e-lts"),
        ("Windows 10 IoT Enterprise LTSC", "17763", "windows:10-1809-e-lts"),
        ("Windows 10 IoT Core", "10240", "windows:10-1507-iot"),
        ("Windows 10 Pro", "10240", "windows:10-1507"),
        ("Windows 10 Pro (1909)", None, "windows:10-1909-w"),
        ("Windows 10 Pro", "21H2", "windows:10-21h2-w"),
        ("Windows 11 Enterprise", "23H2 (OS Build 22631.2428)", "windows:11-23h2-e"),
        ("Win10 Pro 64bit", "19045", "windows:10-22h2"),
        ("Win 11 Home", "26100", "windows:11-24h2-w"),
        ("Windows 10 Pro, version 22H2", None, "windows:10-22h2"),
    ],
)
def test_long_term_servicing_and_releases_by_name(name: str, build: str | None, key: str) -> None:
    assert keys(name, build) == [key]


def test_windows_10_of_a_build_from_22000_on_is_windows_11() -> None:
    assert described("Windows 10 Pro", "22631") == ("Windows 11", "Pro", "10.0.22631")
    assert keys("Windows 10 Pro", "22631") == ["windows:11-23h2-w"]
    assert keys("Windows 10 Pro", release="23H2") == ["windows:11-23h2-w"]


@pytest.mark.parametrize(
    ("build", "client", "server"),
    [
        ("7601", "windows:7-sp1", "windows-server:2008-r2-sp1"),
        ("9600", "windows:8.1", "windows-server:2012-r2"),
        ("14393", "windows:10-1607-w", "windows-server:2016"),
        ("17763", "windows:10-1809-w", "windows-server:2019"),
        ("26100", "windows:11-24h2-w", "windows-server:2025"),
    ],
)
def test_client_and_server_share_builds_and_the_name_decides(build: str, client: str, server: str) -> None:
    names = {"windows:7-sp1": "Windows 7 Professional", "windows:8.1": "Windows 8.1 Pro"}
    assert keys(names.get(client, "Microsoft Windows 10 Pro"), build) == [client]
    year = server.removeprefix("windows-server:").replace("-sp1", "").replace("-", " ").upper()
    assert keys(f"Microsoft Windows Server {year} Standard", build) == [server]


@pytest.mark.parametrize(
    ("name", "build", "key"),
    [
        ("Windows Server, version 1909", None, "windows-server:1909-sac"),
        ("Windows Server Datacenter", "20348", "windows-server:2022"),
        ("Windows Server 2003 R2 Service Pack 2", None, "windows-server:2003-sp2"),
        ("Microsoft Hyper-V Server 2019", None, "windows-server:2019"),
        ("Windows Small Business Server 2011 Standard", "7601", "windows-server:2008-r2-sp1"),
        ("Windows 2000 Server", None, "windows-server:2000"),
        ("Win Server 2019 Std", None, "windows-server:2019"),
        ("Server 2012 R2", None, "windows-server:2012-r2"),
    ],
)
def test_servers(name: str, build: str | None, key: str) -> None:
    assert keys(name, build) == [key]


def test_a_server_without_a_year_keeps_every_row_of_its_build() -> None:
    assert keys("Windows Server", "17763") == ["windows-server:1809-sac", "windows-server:2019"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Windows 7 Home Premium", "windows:7-sp1"),
        ("Microsoft Windows XP Professional", "windows:5-sp3"),
        ("Windows Vista Business", "windows:6-sp2"),
        ("Windows Embedded Standard 7", "windows-embedded:standard-7-sp1"),
        ("Windows Embedded POSReady 7", "windows-embedded:posready-7"),
        ("Windows Embedded 8.1 Industry Pro", "windows-embedded:8.1-industry"),
        ("macOS 15.6.1", "macos:15"),
        ("Mac OS X 14.6.1", "macos:14"),
        ("macOS Catalina 10.15.7", "macos:10.15"),
        ("macOS Big Sur", "macos:11"),
        ("OS X 10.11 El Capitan", "macos:10.11"),
        ("macOS 10.16", "macos:11"),
    ],
)
def test_names_that_need_no_build(name: str, key: str) -> None:
    assert keys(name) == [key]


def test_an_older_service_pack_of_an_old_system_is_no_better_supported() -> None:
    assert keys("Windows 7 Professional", "7600") == ["windows:7-sp1"]


def test_embedded_standard_7_is_told_by_its_build() -> None:
    assert keys("Windows Embedded Standard", "7601") == ["windows-embedded:standard-7-sp1"]
    assert keys("Windows Embedded Standard", "2600") == []


@pytest.mark.parametrize(
    ("name", "count"), [("Windows 10 Pro", 14), ("Windows 11 Pro", 6), ("Windows 11 (25H2)", 2), ("Windows 11 (23H2)", 2)]
)
def test_what_is_not_said_leaves_several_rows(name: str, count: int) -> None:
    system = operating_systems().recognise(name)
    assert (len(system.candidates), system.key, system.recognised) == (count, None, True)


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("Linux Mint 22", None),
        ("Ubuntu Server 2022", None),
        ("Darwin 10", None),
        ("VMware ESXi 8.0", None),
        ("Cisco IOS XE 17", None),
        ("iOS 17.5", None),
        ("Windows 2000 Professional", "2195"),
        ("Windows 98", None),
        ("Windows Server 2028", None),
        ("Windows Home Server 2011", "7601"),
        ("Windows 11 Pro", "27001"),
        ("Windows 11 Pro", "19045"),
        ("Windows Server 2022 Standard", "14393"),
        ("macOS 99", None),
    ],
)
def test_what_the_table_does_not_have_is_unrecognised_and_keeps_no_candidate(name: str, build: str | None) -> None:
    system = operating_systems().recognise(name, build=build)
    assert (system.candidates, system.key, system.recognised) == ((), None, False)


@pytest.mark.parametrize("name", [None, "", "  ", "Unknown", "N/A", "-"])
def test_no_name_is_unknown_and_no_fault(name: str | None) -> None:
    system = operating_systems().recognise(name, build="19045")
    assert (system.name, system.candidates, system.recognised) == (None, (), True)


@pytest.mark.parametrize(
    ("name", "build", "described_as"),
    [
        ("Windows 11 Professional Edition", "26200", ("Windows 11", "Pro", "10.0.26200")),
        ("Microsoft Windows 10 Pro x64 Edition", None, ("Windows 10", "Pro", None)),
        ("Windows Server 2012 R2 Standard", "6.3.9600", ("Windows Server 2012 R2", "Standard", "6.3.9600")),
        ("Microsoft Windows 10 IoT Enterprise LTSC 10.0.19044", None, ("Windows 10", "IoT Enterprise LTSC", "10.0.19044")),
        ("Windows 7 Home Premium", "7601", ("Windows 7", "Home Premium", "6.1.7601")),
        ("macOS 15.6.1", "24G90", ("macOS 15", None, None)),
        ("Linux Mint 22", "6.8.0", ("Linux Mint 22", None, None)),
    ],
)
def test_names_editions_and_builds_are_written_one_way(
    name: str, build: str | None, described_as: tuple[str | None, str | None, str | None]
) -> None:
    assert described(name, build) == described_as


def test_every_row_of_the_client_and_server_table_can_be_reached() -> None:
    """Guards against a release cycle the look-up does not understand: such a system would always be unknown."""
    table = operating_systems()
    editions = ("Pro", "Enterprise", "Enterprise LTSC", "IoT Enterprise LTSC", "IoT Core")
    reached: set[str] = set()
    for build in {row.build for row in lifecycles()}:
        for edition in editions:
            for version in ("10", "11"):
                reached |= set(table.recognise(f"Windows {version} {edition}", build=build).candidates)
        reached |= set(table.recognise("Windows Server", build=build).candidates)
    for name in ("8.1", "8", "7", "Vista", "XP"):
        reached |= set(table.recognise(f"Windows {name}").candidates)
    for year in ("2025", "2022", "2019", "2016", "2012 R2", "2012", "2008 R2", "2008", "2003"):
        reached |= set(table.recognise(f"Windows Server {year}").candidates)
    reached |= set(table.recognise("Windows 2000 Server").candidates)
    wanted = {f"{row.product}:{row.release_cycle}" for row in lifecycles() if row.product in ("windows", "windows-server")}
    assert wanted - reached == set()


def test_a_server_edition_may_come_in_a_field_of_its_own() -> None:
    system = operating_systems().recognise("Windows Server 2019", build="17763", edition="ServerStandard")
    assert (system.key, system.edition) == ("windows-server:2019", "Standard")
