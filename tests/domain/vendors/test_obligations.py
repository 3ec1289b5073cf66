"""The sample practices as rows: what is read from the database decides exactly as the facts do."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from domain.database import tenant_session
from domain.inventory.organizations import OrganizationFields, take_on
from domain.tenancy import SYSTEM, TenantSession, Wall
from domain.vendors.baa_states import BaaStatus
from domain.vendors.baas import Baa
from domain.vendors.engagements import EngagementFields, engage
from domain.vendors.obligations import Obligation, obligations_of
from domain.vendors.vendors import VendorFields, register
from tests.makers import House
from tests.samples.practices import PRACTICES, practice

STRONGEST = ("required", "needs_facts", "not_required")


@pytest.mark.parametrize("name", PRACTICES)
async def test_the_sample_practices(house: House, name: str) -> None:
    msp = await house.tenant()
    sample = practice(name)
    as_of = date.fromisoformat(sample.survey["as_of"])
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        names, organization_id = await recorded(session, sample.survey)
        found = await obligations_of(session, organization_id, limit=1000, as_of=as_of)
    by_vendor: dict[str, list[Obligation]] = {}
    for each in found:
        by_vendor.setdefault(names[each.vendor.id], []).append(each)
    for party in sample.expected["baa_decisions"]:
        kind, _, id = party["party"].partition(":")
        if kind != "vendor":
            continue
        strongest = min(by_vendor[id], key=lambda each: STRONGEST.index(each.standing.decision.decision))
        decision = strongest.standing.decision
        assert (decision.decision, decision.role, decision.reason, decision.citation) == (
            party["decision"], party["role"], party["reason"], party["citation"],
        )  # fmt: skip
        assert (strongest.standing.baa_state, strongest.standing.compliant) == (
            party.get("baa_state"), party.get("compliant"),
        )  # fmt: skip


async def recorded(session: TenantSession, survey: dict[str, Any]) -> tuple[dict[UUID, str], UUID]:
    """The survey's vendors, engagements and agreements as rows; the survey's id of each vendor, and the organization."""
    organization = await take_on(session, OrganizationFields(name=survey["practice"]["name"]))
    ids: dict[str, UUID] = {}
    theirs: dict[str, dict[str, Any]] = {}
    for row in survey["vendors"]:
        ids[row["id"]] = (await register(session, VendorFields(name=row["name"]))).id
        theirs[row["id"]] = {name: row[name] for name in ("status", "baa_on_file") if row.get(name) is not None}
    for row in survey["engagements"]:
        said = {name: value for name, value in row.items() if name not in ("id", "vendor")}
        columns = {name: said.pop(name) for name in list(said) if name in EngagementFields.model_fields}
        fields = EngagementFields(
            vendor_id=ids[row["vendor"]], vendor_facts=theirs[row["vendor"]], facts=said, ref=row["id"], **columns
        )
        await engage(session, organization, fields)
    for row in survey["baas"]:
        status = BaaStatus("executed" if row["status"] == "expiring" else row["status"])
        baa = Baa(organization_id=organization.id, vendor_id=ids[row["vendor"]], status=status)
        baa.signed_on, baa.end_on = (row.get(name) and date.fromisoformat(row[name]) for name in ("signed_on", "end_on"))
        await session.save(baa)
    return {id: name for name, id in ids.items()}, organization.id
