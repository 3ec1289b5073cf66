"""The desk on which a survey is laid out: every row of the organization that it may be about, and which row each entry is.

An entry is known again by its id; a machine that a management tool has found already is known by its host name.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlmodel import col

from domain.bulk import blank_row, read_rows
from domain.clock import now
from domain.inventory.backups import Backup
from domain.inventory.claims import PERSON, SURVEY, Card, Claim, believe, settle
from domain.inventory.device_matching import pair, same, site_of
from domain.inventory.devices import Device
from domain.inventory.flows import Flow
from domain.inventory.imports.survey_form import SECTIONS, Entry, Survey
from domain.inventory.kinds import DeviceKind
from domain.inventory.locations import Location
from domain.inventory.measured_devices import SYSTEM
from domain.inventory.organizations import Organization
from domain.inventory.partners import Partner
from domain.inventory.policies import Policy
from domain.inventory.remote_accesses import RemoteAccess
from domain.inventory.segments import Segment
from domain.inventory.survey_ids import Ids, Standing
from domain.inventory.survey_rows import table_of
from domain.inventory.systems import System
from domain.inventory.workforce import Workforce
from domain.remediation.access_requests import AccessRequest
from domain.remediation.incidents import Incident
from domain.sra.documents import Document
from domain.tenancy import OrganizationOwned, TenantOwned, TenantSession
from domain.vendors.baas import Baa
from domain.vendors.engagements import Engagement
from domain.vendors.vendors import Vendor

TABLES: Mapping[str, type[OrganizationOwned]] = {
    "location": Location,
    "document": Document,
    "device": Device,
    "system": System,
    "partner": Partner,
    "segment": Segment,
    "engagement": Engagement,
    "baa": Baa,
    "remote_access": RemoteAccess,
    "backup": Backup,
    "user": Workforce,
    "policy": Policy,
    "flow": Flow,
    "incident": Incident,
    "access_request": AccessRequest,
}
"""The tables that a survey fills, parents before children, by the vocabulary's word (an asset is a device or a system)."""


@dataclass(slots=True)
class Shelf:
    """The rows of one table. ``by_key``: a row's own id in the survey, its ``ref``."""

    kind: type[TenantOwned]
    cards: list[Card]
    by_key: dict[str, Card] = field(default_factory=dict[str, Card])

    def add(self, card: Card, key: str) -> Card:
        self.cards.append(card)
        self.by_key[key] = card
        return card


@dataclass(slots=True)
class Desk:
    """A survey between the rows that are there. ``placed``: (word, id in the survey) -> shelf and card."""

    organization_id: UUID
    organization: Card
    survey: Survey
    shelves: Mapping[type[TenantOwned], Shelf]
    vendors: Shelf
    ids: Ids
    placed: dict[tuple[str, str], tuple[Shelf, Card]] = field(default_factory=dict[tuple[str, str], tuple[Shelf, Card]])
    moved: list[tuple[Shelf, Card]] = field(default_factory=list[tuple[Shelf, Card]])
    """Rows that were taken off the list, because what they stood for now stands elsewhere."""

    def of(self, entry: Entry) -> tuple[Shelf, Card]:
        return self.placed[SECTIONS[entry.section].of, entry.id]


async def lay_out(session: TenantSession, organization: Organization, survey: Survey, *, lock: bool) -> Desk:
    """Read everything that the survey may be about."""
    shelves: dict[type[TenantOwned], Shelf] = {}
    for kind in TABLES.values():
        rows = await read_rows(session, kind, col(kind.organization_id) == organization.id, lock=lock)
        shelves[kind] = _shelf(kind, rows, "key" if kind is Policy else "ref")
    companies = [row for row in await read_rows(session, Vendor, lock=False) if row["archived_at"] is None]
    vendors = Shelf(Vendor, [Card(row, is_new=False) for row in companies])
    for card in reversed(vendors.cards):
        vendors.by_key[same(card.values["name"])] = card
    [own] = await read_rows(session, Organization, col(Organization.id) == organization.id, lock=lock)
    return Desk(organization.id, Card(own, is_new=False), survey, shelves, vendors, Ids(organization.id))


def _shelf(kind: type[TenantOwned], rows: Iterable[dict[str, Any]], key: str) -> Shelf:
    cards = [Card(row, is_new=False) for row in rows]
    return Shelf(kind, cards, {card.values[key]: card for card in cards if card.values[key] is not None})


def place_entries(desk: Desk, refused: frozenset[str]) -> None:
    """Find or begin the row of each entry that is not refused (by its pointer)."""
    entries = [entry for entry in desk.survey.entries() if entry.pointer not in refused]
    for entry in entries:
        if entry.section == "vendors":
            _place_vendor(desk, entry)
        elif SECTIONS[entry.section].of in TABLES:
            shelf = desk.shelves[TABLES[SECTIONS[entry.section].of]]
            _place(desk, entry, shelf, shelf.by_key.get(entry.id))
    _place_assets(desk, [entry for entry in entries if SECTIONS[entry.section].of == "asset"])


def remember(desk: Desk, last: Survey) -> None:
    """Things of the last survey that this one does not name are still there to be referred to."""
    for entry in last.entries():
        key = (SECTIONS[entry.section].of, entry.id)
        if key in desk.ids.found:
            continue
        kind = table_of(entry) if key[0] == "asset" else Vendor if key[0] == "vendor" else TABLES.get(key[0])
        shelf = desk.vendors if kind is Vendor else desk.shelves.get(kind) if kind else None
        card = shelf.by_key.get(same(entry.text("name")) if kind is Vendor else entry.id) if shelf else None
        if shelf is not None and card is not None:
            desk.ids.found[key] = Standing(shelf.kind, card.values["id"], card.values.get("name") or entry.id)


def _place(desk: Desk, entry: Entry, shelf: Shelf, card: Card | None) -> None:
    if card is None:
        values: dict[str, Any] = {"organization_id": desk.organization_id, "ref": entry.id}
        if shelf.kind is Device:
            values |= {"source": SURVEY, "source_id": entry.id}
        card = shelf.add(Card(blank_row(shelf.kind, **values), is_new=True), entry.id)
    _stand(desk, entry, shelf, card, card.values.get("name") or entry.text("name") or entry.id)


def _stand(desk: Desk, entry: Entry, shelf: Shelf, card: Card, name: str) -> None:
    key = (SECTIONS[entry.section].of, entry.id)
    desk.placed[key] = (shelf, card)
    desk.ids.found[key] = Standing(shelf.kind, card.values["id"], name)


def _place_vendor(desk: Desk, entry: Entry) -> None:
    """A company is known by its name, in any case, to all organizations of the tenant."""
    name = entry.text("name") or entry.id
    card = desk.vendors.by_key.get(same(name))
    if card is None:
        card = desk.vendors.add(Card(blank_row(Vendor, name=name), is_new=True), same(name))
    _stand(desk, entry, desk.vendors, card, name)


# --- assets ----------------------------------------------------------------------------------------------------------


def _place_assets(desk: Desk, entries: list[Entry]) -> None:
    by_id = {entry.pointer: desk.shelves[table_of(entry)].by_key.get(entry.id) for entry in entries}
    taken = {id(card) for card in by_id.values() if card is not None}
    by_host = _by_host(desk, [entry for entry in entries if table_of(entry) is Device])
    for entry in entries:
        shelf = desk.shelves[table_of(entry)]
        card, machine = by_id[entry.pointer], by_host.get(entry.pointer)
        if machine is not None and id(machine) in taken:
            machine = None
        if card is None:
            _take_off_other_shelf(desk, entry, shelf)
            card = machine
            if card is not None and card.values["ref"] is None:
                card.values["ref"] = entry.id
        elif machine is not None and card.values["archived_at"] is None and _is_only_a_report(machine):
            _adopt(card, machine)
            desk.moved.append((shelf, machine))
        _place(desk, entry, shelf, card)


def _is_only_a_report(machine: Card) -> bool:
    """Nobody has said anything of it yet."""
    return machine.values["kind"] == DeviceKind.unclassified and machine.values["source"] not in (None, SURVEY)


def _by_host(desk: Desk, entries: list[Entry]) -> dict[str, Card]:
    """Pointer of an entry -> the machine of its host name, where it is the only one, or the only one at its site."""
    sites = {card.values["id"]: card.values["rmm_site"] for card in desk.shelves[Location].cards}
    surveyed = {entry.id: entry.text("rmm_site") for entry in desk.survey.locations}
    cards = [card for card in desk.shelves[Device].cards if card.values["archived_at"] is None]

    def host(entry: Entry) -> Hashable | None:
        return same(entry.text("hostname")) or None

    def host_of(card: Card) -> Hashable | None:
        return same(card.values["hostname"]) or None

    def host_and_site(entry: Entry) -> Hashable | None:
        return (host(entry), same(surveyed.get(entry.text("location") or ""))) if host(entry) else None

    def host_and_site_of(card: Card) -> Hashable | None:
        return (host_of(card), site_of(card, sites)) if host_of(card) else None

    found = pair(entries, cards, host_and_site, host_and_site_of) | pair(entries, cards, host, host_of)
    return {entries[place].pointer: card for place, card in found.items()}


def _take_off_other_shelf(desk: Desk, entry: Entry, shelf: Shelf) -> None:
    """A copy that moved from the office to a vendor is a service now, and no thing with a plug any more."""
    other = desk.shelves[System if shelf.kind is Device else Device]
    card = other.by_key.get(entry.id)
    if card is not None and card.values["archived_at"] is None:
        card.values["archived_at"] = now()
        desk.moved.append((other, card))


def _adopt(card: Card, machine: Card) -> None:
    """One machine that was entered twice, by a survey without its host name and by a tool: the tool's report moves over."""
    for name in ("hostname", "serial", "last_seen_at", "location_id", "encryption_at_rest", "endpoint_protection"):
        mark = machine.mark(name)
        if mark is not None and mark["source"] not in (PERSON, SURVEY):
            claim = Claim(mark["source"], machine.value(name), mark["observed_at"])
            if name in ("encryption_at_rest", "endpoint_protection"):
                settle(card, name, claim)
            elif claim.value is not None:
                believe(card, name, claim, over=frozenset({"measured"} if name == "location_id" else {"measured", SURVEY}))
    if PERSON not in {card.holder(name) for name in SYSTEM} and machine.values["os_name"] is not None:
        for name in SYSTEM:
            card.put(name, machine.values[name], machine.mark(name))
        for name in ("os_key", "os_candidates", "os_supported_until"):
            card.values[name] = machine.values[name]
    for name in ("source", "source_id", "stale_since"):
        card.values[name] = machine.values[name]
    machine.values |= {"archived_at": now(), "source": None, "source_id": None}


def unclassified(desk: Desk) -> list[str]:
    """Host names of the machines that a tool knows and no survey has classified."""
    cards = [card for card in desk.shelves[Device].cards if card.values["kind"] == DeviceKind.unclassified]
    return sorted({card.values["hostname"] or card.values["name"] for card in cards if card.values["archived_at"] is None})
