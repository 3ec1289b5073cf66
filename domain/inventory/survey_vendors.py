"""Vendors in a survey. A company is known once per tenant, and other organizations rely on what is said of it; so a survey
adds it, and never changes it. What this survey says otherwise is true for this organization, and stands with the engagement.
"""

from collections.abc import Mapping
from typing import Any

from domain.inventory.claims import Card
from domain.inventory.fact_columns import vocabulary
from domain.inventory.facts import check_facts
from domain.inventory.imports.survey_form import Entry
from domain.inventory.survey_merge import checked, known_parts, merge
from domain.inventory.survey_rows import Said
from domain.json_forms import as_json
from domain.vendors.engagements import UNKNOWN_HERE
from domain.vendors.vendors import Vendor, VendorFields

HERE_ONLY = frozenset({"status", "ended_on", "acts_for_practice", "baa_on_file"})
"""What a vendor is to one practice, and says nothing of the company."""
ASSURANCES = ("verified_on", "subcontractors", "known_violation", "cure_action")
"""What one practice may have asked and another not: a survey that is silent about it does not know."""


def fill_vendor(card: Card, entry: Entry, *, observed_at: str) -> tuple[str, ...]:
    """Write what the survey says of a company that is new to the tenant; gives warnings."""
    subcontractors = entry.texts("subcontractors")
    columns = {
        "name": card.values["name"],
        "contact_email": entry.text("contact_email"),
        "subcontractors": None if subcontractors is None else list(subcontractors),
        "verified_on": entry.day("verified_on"),
    }
    facts = {name: value for name, value in entry.facts.items() if name not in HERE_ONLY}
    row = checked(Said(Vendor, VendorFields, columns, facts))
    merge(card, row, None, observed_at=observed_at)
    return row.warnings


def true_here(entry: Entry, card: Card) -> dict[str, Any]:
    """What the survey says of a vendor that its row does not: the ``vendor_facts`` of its engagements."""
    said, _ = check_facts("vendor", None, {name: value for name, value in entry.raw.items() if name != "id"}, vocabulary())
    kept: dict[str, Any] = {"status": "active"} | {
        name: known_parts(value) for name, value in said.items() if value is not None
    }
    known = _known(card)
    here = {name: value for name, value in kept.items() if name != "name" and value != known.get(name)}
    forgotten = [name for name in ASSURANCES if name in known and name not in kept]
    return here | dict.fromkeys(forgotten, UNKNOWN_HERE)


def _known(card: Card) -> Mapping[str, Any]:
    """What the tenant's row says, as facts."""
    columns = {name: card.values[name] for name in ("status", "contact_email", "subcontractors", "verified_on")}
    found = {**card.values["facts"], **columns}
    return {
        name: value if isinstance(value, str | bool | list) else as_json(value)
        for name, value in found.items()
        if value is not None
    }
