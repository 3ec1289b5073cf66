"""The rule of a group, in CEL over an organization: ``organization.state == "TX" && organization.ref.startsWith("a")``.

It is bounded as every condition is that a customer writes, and in the time that it may take over all organizations. What
an organization has not said is absent, and a rule that needs it does not hold: nobody gets into a group by silence.
"""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from uuid import UUID

from domain import bounded_cel
from domain.errors import Invalid
from domain.inventory.fact_columns import vocabulary

MOST_SECONDS = 2.0
FIELDS = (
    "name", "legal_name", "state", "specialty", "contact_role", "contact_email", "security_official", "ref", "settings",
    "facts",
)  # fmt: skip
"""What a rule can read of an organization: what callers say of it, nothing that changes by itself."""

_PATH = re.compile(r"\borganization\s*\.\s*(\w+)(?:\s*\.\s*(\w+))?")
_AT = "/rule"


class Said(Protocol):
    """An organization, as far as a rule reads it."""

    id: UUID


def members(rule: str, organizations: Iterable[Said], *, clock: Callable[[], float] = time.monotonic) -> set[UUID]:
    """The organizations for which a rule holds; :class:`Invalid` when that takes too long."""
    end = clock() + MOST_SECONDS
    found: set[UUID] = set()
    for each in organizations:
        if holds(rule, each):
            found.add(each.id)
        if clock() > end:
            detail = f"Over all organizations this rule takes longer than {MOST_SECONDS:.0f} seconds. Say it more simply."
            raise Invalid.one(_AT, "too_slow", detail)
    return found


def holds(rule: str, organization: Said) -> bool:
    """Whether the rule is true of the organization. Undecided is not true."""
    said: dict[str, Any] = {name: getattr(organization, name) for name in FIELDS}
    known = {name: value for name, value in said.items() if value is not None}
    return bounded_cel.outcome(rule, {"organization": known}) is True


def check_rule(rule: str) -> None:
    """Refuse a rule that is too large, that cannot be read, or that names what no organization has."""
    sentence = "A rule says something about `organization`."
    bare = bounded_cel.check_bounds(rule, about="organization", at=_AT, code="not_about_organizations", sentence=sentence)
    known = {"facts": vocabulary().rows("practice"), "settings": vocabulary().rows("setting")}
    for field, inner in _PATH.findall(bare):
        if field not in FIELDS:
            raise Invalid.one(_AT, "unknown_field", f"An organization has no {field!r}; it has: {', '.join(FIELDS)}.")
        if inner and field in known and inner not in known[field]:
            raise Invalid.one(_AT, "unknown_fact", f"There is no {field}.{inner}; see GET /v1/catalogue/facts.")
