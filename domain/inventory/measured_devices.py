"""What a management tool reports of a machine, written on the machine's card.

A reported "unknown" says nothing and leaves what is there. What the thing is used for is no machine's to say: a device that
no survey and no person has classified stays ``unclassified``.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID

from domain.bulk import blank_row
from domain.clock import rfc3339
from domain.inventory.claims import PERSON, SURVEY, Card, Claim, Disagreement, Mark, believe, settle
from domain.inventory.device_matching import same
from domain.inventory.devices import Device
from domain.inventory.imports.normal_form import ImportedDevice
from domain.inventory.kinds import AssetStatus, DeviceKind
from domain.inventory.reconcile import measured_facts
from domain.sra.catalogue import catalogue

LONGEST = {"serial": 255, "os_name": 200, "os_edition": 100, "os_build": 100}
"""What the columns hold. A longer text is no serial number and no name."""
OVER_THE_SURVEY = frozenset({"measured", SURVEY})
OVER_ITS_LIKE = frozenset({"measured"})
SYSTEM = ("os_name", "os_edition", "os_build")


def blank_device(organization_id: UUID) -> Card:
    """The card of a machine that is new to the inventory."""
    return Card(blank_row(Device, organization_id=organization_id, kind=DeviceKind.unclassified), is_new=True)


def measure(card: Card, device: ImportedDevice, *, source: str, as_of: datetime, location_of: Mapping[str, UUID]) -> None:
    """Write what ``device`` says on its card. ``location_of``: site in the RMM, folded -> location."""
    seen_at = rfc3339(device.last_seen or as_of)
    measured = measured_facts(device)
    _name(card, device)
    for name, value in (("hostname", device.hostname), ("serial", measured.get("serial")), ("last_seen_at", device.last_seen)):
        if value is not None and len(str(value)) <= LONGEST.get(name, 255):
            believe(card, name, Claim(source, value, seen_at), over=OVER_THE_SURVEY)
    for name in ("encryption_at_rest", "endpoint_protection"):
        if name in measured:
            settle(card, name, Claim(source, measured[name], seen_at))
    if device.last_patch_on is not None:
        patched = Claim(source, device.last_patch_on.isoformat(), rfc3339(as_of))
        believe(card, "last_patch_on", patched, over=OVER_THE_SURVEY)
    _take_system(card, device, Claim(source, device.os_name, seen_at))
    _place(card, device, Claim(source, location_of.get(same(device.site)), seen_at))
    _take_status(card, device)
    if card.values["source"] in (None, SURVEY, source):
        card.values["source"], card.values["source_id"] = source, device.source_id
    card.values["stale_since"] = None


def _name(card: Card, device: ImportedDevice) -> None:
    """A device that nobody has named is called by its host name."""
    if same(card.values["name"]) == same(card.values["hostname"]):
        card.values["name"] = device.hostname


def _take_system(card: Card, device: ImportedDevice, claim: Claim) -> None:
    """The system is taken as a whole, so that a reported name never stands beside a recorded build."""
    said = {name: getattr(device, name) for name in SYSTEM}
    if claim.value is None or any(len(text or "") > LONGEST[name] for name, text in said.items()):
        return
    persons = [name for name in SYSTEM if card.holder(name) == PERSON]
    card.weighed.update(SYSTEM)
    for name in persons:
        if said[name] is not None and same(said[name]) != same(card.values[name]):
            told = {PERSON: card.values[name], "measured": said[name]}
            card.disagreements.append(Disagreement(name, told, card.values[name]))
    if persons:
        return
    for name, text in said.items():
        card.put(name, text, claim.mark() if text else None)
    card.values["os_key"] = device.os_key
    card.values["os_candidates"] = list(device.os_candidates)
    card.values["os_supported_until"] = supported_until(device.os_candidates)


@lru_cache(maxsize=1024)
def supported_until(keys: tuple[str, ...]) -> date | None:
    """The end of security updates, where all rows of the lifecycle table that fit agree on one."""
    rows = catalogue().os_lifecycle_by_key
    ends = {rows[key].end_of_security_support for key in keys if key in rows}
    return ends.pop() if len(ends) == 1 else None


def _place(card: Card, device: ImportedDevice, claim: Claim) -> None:
    """The survey and people know better where a thing stands; the tool's word for it is kept with the location."""
    if claim.value is not None:
        believe(card, "location_id", claim, over=OVER_ITS_LIKE)
    mark: Mark | None = card.mark("location_id")
    if device.site and (mark is not None or card.values["location_id"] is None):
        card.values["provenance"]["location_id"] = {**(mark or claim.mark()), "site": device.site[:200]}


def _take_status(card: Card, device: ImportedDevice) -> None:
    """Retired in the tool is retired, unless somebody has said what the thing is: then they say this too."""
    if card.values["kind"] == DeviceKind.unclassified:
        card.values["status"] = AssetStatus(device.status)
    elif device.status == AssetStatus.retired and card.values["status"] == AssetStatus.active:
        told = {SURVEY: card.values["status"], "measured": device.status}
        card.disagreements.append(Disagreement("status", told, card.values["status"]))
