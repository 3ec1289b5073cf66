"""Which device of the inventory a row of an export is about: by its id in the source, by serial number and host name, by
host name and site.

Two on one side that cannot be told apart are not matched at all, because a wrong machine's encryption is worse than none.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from domain.inventory.claims import PERSON, SURVEY, Card
from domain.inventory.imports.normal_form import ImportedDevice

Sites = Mapping[UUID, str | None]
"""Location -> the name of its site in the RMM."""
Wanted = TypeVar("Wanted")
Key = Callable[[Wanted], Hashable | None]


def match_devices(
    source: str, devices: Sequence[ImportedDevice], cards: Iterable[Card], sites: Sites, *, promised: Collection[str] = ()
) -> dict[int, Card]:
    """Position in ``devices`` -> its card. An archived device is found again by its id only, and so is one with an id that is
    ``promised`` to a row of another batch."""
    known = list(cards)
    if not known:
        return {}
    theirs = {card.values["source_id"]: card for card in known if card.values["source"] == source}
    found = {place: theirs[each.source_id] for place, each in enumerate(devices) if each.source_id and each.source_id in theirs}
    taken = {id(card) for card in found.values()}
    present = [
        card
        for card in known
        if card.values["archived_at"] is None and not (card.values["source"] == source and card.values["source_id"] in promised)
    ]
    ways: tuple[tuple[Key[ImportedDevice], Key[Card]], ...] = (
        (_serial_and_host, _serial_and_host_of),
        (_host, _host_of),
        (_host_and_site, lambda card: _host_and_site_of(card, sites)),
    )
    for of_device, of_card in ways:
        for place, card in pair(devices, present, of_device, of_card).items():
            if place not in found and id(card) not in taken and not _another_machine(devices[place], card):
                found[place] = card
                taken.add(id(card))
    return found


def pair(wanted: Sequence[Wanted], cards: Iterable[Card], of_one: Key[Wanted], of_card: Key[Card]) -> dict[int, Card]:
    """Those with the same key, where it is the only one on both sides."""
    sides: dict[Hashable, tuple[list[int], list[Card]]] = {}
    for place, one in enumerate(wanted):
        key = of_one(one)
        if key is not None:
            sides.setdefault(key, ([], []))[0].append(place)
    for card in cards:
        key = of_card(card)
        if key in sides:
            sides[key][1].append(card)
    return {places[0]: found[0] for places, found in sides.values() if len(places) == len(found) == 1}


def site_of(card: Card, sites: Sites) -> str:
    """The RMM's name of the site where a device stands: by its location, else as the RMM itself has reported it."""
    location_id = card.values["location_id"]
    mark = card.mark("location_id") or {}
    return same((sites.get(location_id) if location_id else None) or mark.get("site"))


def same(text: str | None) -> str:
    return (text or "").strip().casefold()


def _serial_and_host(device: ImportedDevice) -> Hashable | None:
    return (same(device.serial), same(device.hostname)) if device.serial else None


def _serial_and_host_of(card: Card) -> Hashable | None:
    serial, hostname = card.values["serial"], card.values["hostname"]
    return (same(serial), same(hostname)) if serial and hostname else None


def _host(device: ImportedDevice) -> Hashable | None:
    return same(device.hostname) or None


def _host_of(card: Card) -> Hashable | None:
    return same(card.values["hostname"]) or None


def _host_and_site(device: ImportedDevice) -> Hashable | None:
    return same(device.hostname), same(device.site)


def _host_and_site_of(card: Card, sites: Sites) -> Hashable | None:
    return (same(card.values["hostname"]), site_of(card, sites)) if card.values["hostname"] else None


def _another_machine(device: ImportedDevice, card: Card) -> bool:
    """A machine that took over the name of another one: both serial numbers were reported, and they differ."""
    measured = card.holder("serial") not in (None, PERSON, SURVEY)
    return measured and device.serial is not None and same(card.values["serial"]) != same(device.serial)
