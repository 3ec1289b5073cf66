"""Rows of one file that tell of the same device: the newest is kept, the others are listed with the row that won.

Two records are the same device by their id in the source; else by host name and serial; else, where the source gives
no ids, by host name and site if one serial is missing. When a row without a serial could belong to either of two
devices that have one, nothing is dropped: a device too many is seen, one too few is not.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import Literal

from domain.inventory.imports.normal_form import Duplicate, ImportedDevice

Sameness = Literal["source_id", "hostname_serial", "hostname_site"]


def without_duplicates(devices: Iterable[ImportedDevice]) -> tuple[tuple[ImportedDevice, ...], tuple[Duplicate, ...]]:
    """The devices that stay, in the order of the file, and the rows that went."""
    kept = list(devices)
    gone: dict[int, tuple[ImportedDevice, int, Sameness]] = {}
    for same, key in _KEYS:
        kept = _keep_newest(kept, same, key, gone)
    duplicates = [
        Duplicate(row, _survivor(kept_row, gone), device.hostname, same)
        for row, (device, kept_row, same) in sorted(gone.items())
    ]
    return tuple(_flag_shared_serials(kept)), tuple(duplicates)


def _keep_newest(
    devices: list[ImportedDevice],
    same: Sameness,
    key: Callable[[ImportedDevice], Hashable],
    gone: dict[int, tuple[ImportedDevice, int, Sameness]],
) -> list[ImportedDevice]:
    groups: dict[Hashable, list[ImportedDevice]] = {}
    for device in devices:
        shared = key(device)
        if shared is not None:
            groups.setdefault(shared, []).append(device)
    dropped = set[int]()
    for group in groups.values():
        if len(group) == 1 or (same == "hostname_site" and len({_fold(device.serial) for device in group} - {None}) > 1):
            continue
        winner = max(group, key=_age)
        for device in group:
            if device is not winner:
                gone[device.row] = (device, winner.row, same)
                dropped.add(device.row)
    return [device for device in devices if device.row not in dropped] if dropped else devices


def _age(device: ImportedDevice) -> tuple[float, int]:
    """Newest contact last; never seen is oldest; of equals the later row counts."""
    return (device.last_seen.timestamp() if device.last_seen else float("-inf"), device.row)


def _survivor(row: int, gone: dict[int, tuple[ImportedDevice, int, Sameness]]) -> int:
    while row in gone:
        row = gone[row][1]
    return row


def _flag_shared_serials(devices: list[ImportedDevice]) -> list[ImportedDevice]:
    hosts: dict[str, set[str]] = {}
    for device in devices:
        if device.serial:
            hosts.setdefault(device.serial.casefold(), set()).add(device.hostname.casefold())
    if all(len(names) == 1 for names in hosts.values()):
        return devices
    return [
        replace(device, warnings=tuple(sorted({*device.warnings, "serial_conflict"})))
        if device.serial and len(hosts[device.serial.casefold()]) > 1
        else device
        for device in devices
    ]


def _fold(text: str | None) -> str | None:
    return text.casefold() if text else None


def _by_id(device: ImportedDevice) -> Hashable:
    return _fold(device.source_id)


def _by_serial(device: ImportedDevice) -> Hashable:
    return (device.hostname.casefold(), device.serial.casefold()) if device.serial else None


def _by_site(device: ImportedDevice) -> Hashable:
    return None if device.source_id else (device.hostname.casefold(), _fold(device.site))


_KEYS: tuple[tuple[Sameness, Callable[[ImportedDevice], Hashable]], ...] = (
    ("source_id", _by_id),
    ("hostname_serial", _by_serial),
    ("hostname_site", _by_site),
)
