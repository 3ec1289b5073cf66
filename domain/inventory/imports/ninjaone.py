"""NinjaOne v2: devices, and beside them the queries for volumes, antivirus and patches, joined by device id.

Only Windows volumes report BitLocker; a Mac stays unknown, not unencrypted. The list of missing patches tells when each was
last seen to be missing and not since when it could be had, so for how long the oldest has been missing stays unknown: a count
from that date could only look better than the truth. It is kept with the device's raw row, where people can read it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date

from domain.inventory.imports.documents import at, is_too_deep
from domain.inventory.imports.drafts import Draft
from domain.inventory.imports.normal_form import Json, Switch
from domain.inventory.imports.texts import letters, text_of
from domain.inventory.imports.times import Clock
from domain.inventory.imports.words import NO_ANTIVIRUS_FACT, Antivirus

MARKS = frozenset({"systemName", "displayName", "nodeClass", "dnsName", "approvalStatus"})


def reader(beside: Mapping[str, list[Json]], clock: Clock) -> Callable[[dict[str, Json]], Draft]:
    volumes = _by_device(beside.get("volumes", []))
    products = _by_device(beside.get("antivirus", []))
    installed = _by_device(beside.get("os-patch-installs", []))
    missing = _by_device(each for each in beside.get("os-patches", []) if not is_too_deep(each))

    def draft(device: dict[str, Json]) -> Draft:
        identity = text_of(device.get("id"))
        approval = text_of(device.get("approvalStatus")).upper()
        windows, machine, places = device.get("os"), device.get("system"), device.get("references")
        return Draft(
            source_id=identity,
            hostnames=(
                device.get("systemName") or at(machine, "name") or device.get("netbiosName"),
                _first_label(device.get("dnsName")),
                device.get("displayName"),
            ),
            os_name=at(windows, "name"),
            os_build=at(windows, "buildNumber"),
            os_release=at(windows, "releaseId"),
            last_seen=(device.get("lastContact"),),
            encryption=_encryption(volumes.get(identity, [])),
            antivirus=_antivirus(products.get(identity, [])),
            serials=(at(machine, "serialNumber"), at(machine, "biosSerialNumber")),
            sites=(at(places, "location", "name"), at(places, "organization", "name")),
            companies=(at(places, "organization", "name"),),
            status="retired" if approval == "DECOMMISSIONED" else "active",
            skip="not_approved" if approval in ("PENDING", "STAGED") else None,
            last_patch_on=_last_patch_on(installed.get(identity, []), clock),
            beside={"os-patches": missing[identity]} if identity in missing else {},
        )

    return draft


def _encryption(volumes: Iterable[Json]) -> Switch:
    """Off if any fixed volume is open, converting or suspended; on only if every one is protected."""
    states = {_volume_encryption(volume) for volume in volumes if _is_fixed(volume)}
    return "off" if "off" in states else "on" if states == {"on"} else "unknown"


def _volume_encryption(volume: Json) -> Switch:
    protection = letters(text_of(at(volume, "bitLockerStatus", "protectionStatus")))
    conversion = letters(text_of(at(volume, "bitLockerStatus", "conversionStatus")))
    if protection in ("unprotected", "pending") or conversion in _OPEN:
        return "off"
    return "on" if protection == "protected" else "unknown"


def _is_fixed(volume: Json) -> bool:
    """A volume of unstated type counts as fixed: to leave out an open disk would be the worse mistake."""
    kind = text_of(at(volume, "deviceType")).casefold()
    return not any(word in kind for word in ("remov", "network", "compact", "cd", "optical", "ram"))


def _antivirus(products: Iterable[Json]) -> Antivirus:
    """On if any product is on; off only if each is known not to run; otherwise unknown."""
    states = [
        (letters(text_of(at(product, "productState"))), letters(text_of(at(product, "definitionStatus"))))
        for product in products
    ]
    running = {definitions for state, definitions in states if state == "on"}
    if running:
        return Antivirus("on", "current" if "uptodate" in running else "outdated" if "outofdate" in running else "unknown")
    if states and all(state in ("off", "snoozed", "expired") for state, _ in states):
        return Antivirus("off", "expired" if any(state == "expired" for state, _ in states) else "unknown")
    return NO_ANTIVIRUS_FACT


def _last_patch_on(installed: Iterable[Json], clock: Clock) -> date | None:
    dates = [clock.read(at(patch, "installedAt")).at for patch in installed if letters(text_of(at(patch, "status"))) in _DONE]
    last = max((moment for moment in dates if moment is not None), default=None)
    return None if last is None else last.date()


def _by_device(rows: Iterable[Json]) -> dict[str, list[Json]]:
    by_device: dict[str, list[Json]] = {}
    for row in rows:
        by_device.setdefault(text_of(at(row, "deviceId")), []).append(row)
    by_device.pop("", None)
    return by_device


def _first_label(value: Json) -> str:
    """The host part of a DNS name; nothing of an address, which network equipment shows here."""
    name = text_of(value)
    return "" if _ADDRESS.fullmatch(name) else name.partition(".")[0]


_ADDRESS = re.compile(r"[\d.]+|[\da-f:.]*:[\da-f:.]*", re.IGNORECASE)
_DONE = {"installed", ""}
_OPEN = {
    "fullydecrypted",
    "encryptioninprogress",
    "decryptioninprogress",
    "encryptionpaused",
    "decryptionpaused",
    "encryptionsuspended",
    "suspended",
}
