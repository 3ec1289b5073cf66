"""The list that an investigator asks for first: every outside party, whether an agreement is required, and where it stands.

The service provider that runs the account is on it like any other vendor, once per organization.
"""

from dataclasses import dataclass

from domain.sra.catalogue import BaaWords, catalogue
from domain.sra.world import World
from domain.vendors.decision import Decision, decide_partner, decide_vendor, with_recorded_access
from domain.vendors.standing import BaaState, agreements, standing


@dataclass(frozen=True, slots=True)
class Party:
    """``party`` is ``vendor:<id>`` or ``partner:<id>``. See ``Standing`` for the last two."""

    party: str
    decision: Decision
    vendor_ended: bool
    baa_state: BaaState | None
    compliant: bool | None


def roster(world: World, words: BaaWords | None = None) -> tuple[Party, ...]:
    """Vendors, then partners, each in the order of their ids."""
    words = words or catalogue().baa
    vendors = [_vendor(world, id, words) for id in sorted(vendor.id for vendor in world.vendors)]
    partners = [
        Party(
            party=f"partner:{partner.id}",
            decision=decide_partner(partner.kind, partner.facts, as_of=world.today, words=words),
            vendor_ended=False,
            baa_state=None,
            compliant=None,
        )
        for partner in sorted(world.partners, key=lambda partner: partner.id)
    ]
    return (*vendors, *partners)


def _vendor(world: World, id: str, words: BaaWords) -> Party:
    vendor = next(vendor for vendor in world.vendors if vendor.id == id)
    ended = vendor.facts.get("status") == "ended"
    theirs = with_recorded_access(
        ((e.id, e.facts) for e in world.engagements if str(e.facts.get("vendor")) == id),
        (way.facts for way in world.remote_accesses if str(way.facts.get("vendor")) == id),
        as_of=world.today,
    )
    decision = decide_vendor(theirs, as_of=world.today, words=words)
    signed = agreements(
        ((baa.id, baa.facts) for baa in world.baas if str(baa.facts.get("vendor")) == id),
        on_file=vendor.facts.get("baa_on_file"),
        as_of=world.today,
    )
    now = standing(decision, signed, vendor_ended=ended)
    return Party(f"vendor:{id}", decision, ended, now.baa_state, now.compliant)
