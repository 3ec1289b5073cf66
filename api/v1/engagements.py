"""What a vendor does for an organization, and whether that needs a business associate agreement today.

The decision is worked out from the facts at every reading and never stored (see ``domain/vendors/obligations.py``), so
these lists are the exception that Postgres does not build.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel, Field

from api.derived import page_of
from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Page, Paged
from domain.access import Permission
from domain.clock import today
from domain.records import archive
from domain.sra.catalogue import VendorCategory
from domain.vendors import engagements, obligations, standings
from domain.vendors.decision import Outcome
from domain.vendors.engagements import Engagement, EngagementFields
from domain.vendors.obligations import Obligation
from domain.vendors.standing import BaaState

router = door_router("vendors")
Reader = Annotated[Inside, may(Permission.engagements_read)]
Writer = Annotated[Inside, may(Permission.engagements_write)]
ThisEngagement = Annotated[Engagement, this(Engagement)]


class UsualRole(BaseModel):
    """The role that parties of this kind mostly have: where to begin while facts are missing. It is never counted."""

    category: str = Field(description="A key of `GET /v1/catalogue/vendor-categories`.")
    role: str
    why: str
    role_decision_required: bool = Field(description="A person has to decide the role and record why.")
    certainty: str = Field(description="definition, guidance, judgement or memory: what the suggestion rests on.")

    @staticmethod
    def of(category: VendorCategory) -> "UsualRole":
        return UsualRole(
            category=category.key,
            role=category.default_role,
            why=category.why,
            role_decision_required=category.role_decision_required,
            certainty=category.certainty,
        )


class BaaDecision(BaseModel):
    decision: Outcome = Field(description="`needs_facts` is neither yes nor no: `missing_facts` would decide.")
    role: str = Field(description="The vendor's role under 45 CFR 160.103 in this engagement, or `undetermined`.")
    reason_code: str
    reason: str
    citation: str = Field(description="As it is printed.")
    citations: list[str] = Field(description="Keys of `GET /v1/catalogue/requirements`; empty where guidance alone decides.")
    missing_facts: list[str]
    baa_state: BaaState | None = Field(description="Of all agreements with this vendor. Null: none is required.")
    compliant: bool | None = Field(description="Null: no agreement is required, or the relationship has ended.")
    usual: UsualRole | None = Field(description="By the service, else by the vendor's category. Null: no such kind is known.")
    as_of: date


class EngagementOut(BaseModel):
    id: UUID
    organization_id: UUID
    vendor_id: UUID
    vendor_name: str
    service: str
    started_on: date | None
    ended_on: date | None
    creates_phi: bool | None
    receives_phi: bool | None
    maintains_phi: bool | None
    transmits_phi: bool | None
    remote_access: str | None
    can_view_ephi: bool | None
    vendor_facts: dict[str, Any]
    ref: str | None
    facts: dict[str, Any]
    provenance: dict[str, Any]
    baa_decision: BaaDecision
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None

    @staticmethod
    def of(obligation: Obligation) -> "EngagementOut":
        engagement, standing = obligation.engagement, obligation.standing
        decision = standing.decision
        return EngagementOut(
            **engagement.model_dump(include=set(EngagementOut.model_fields)),
            vendor_name=obligation.vendor.name,
            baa_decision=BaaDecision(
                decision=decision.decision,
                role=decision.role,
                reason_code=decision.code,
                reason=decision.reason,
                citation=decision.citation,
                citations=list(decision.citations),
                missing_facts=list(decision.missing),
                baa_state=standing.baa_state,
                compliant=standing.compliant,
                usual=UsualRole.of(obligation.usual) if obligation.usual else None,
                as_of=obligation.as_of,
            ),
        )


@dataclass(frozen=True)
class Wanted:
    """Which engagements a list is to show, by what their facts ask for today."""

    vendor_id: UUID | None
    baa_required: bool | None
    decision: Outcome | None
    compliant: bool | None

    @property
    def decisions(self) -> frozenset[Outcome] | None:
        """The decisions that may be shown; None: any."""
        allowed: set[Outcome] = {"required", "needs_facts", "not_required"}
        if self.baa_required is not None:
            allowed &= {"required"} if self.baa_required else {"not_required"}
        if self.decision is not None:
            allowed &= {self.decision}
        return frozenset(allowed) if len(allowed) < 3 else None

    def lets_through(self, each: Obligation) -> bool:
        allowed = self.decisions
        return (allowed is None or each.standing.decision.decision in allowed) and (
            self.compliant is None or each.standing.compliant is self.compliant
        )

    @property
    def everything(self) -> bool:
        return self.decisions is None and self.compliant is None


async def _wanted(
    vendor_id: UUID | None = None,
    baa_required: bool | None = None,
    decision: Literal["required", "needs_facts", "not_required"] | None = None,
    compliant: bool | None = None,
) -> Wanted:
    return Wanted(vendor_id, baa_required, decision, compliant)


Asked = Annotated[Wanted, Depends(_wanted)]


@router.get("/engagements")
async def list_all_engagements(
    by: Reader, window: Paged, wanted: Asked, organization_id: UUID | None = None, group_id: UUID | None = None
) -> Page[EngagementOut]:
    """What is done for all organizations that the caller may see, oldest record first: with ``vendor_id`` and
    ``baa_required=true&compliant=false``, every client for whom that vendor works without an agreement.

    Which rows are looked at goes by how each engagement stood at its last review, seconds after its last change; what is
    shown is worked out now.
    """
    conditions = standings.conditions(
        organization_id=organization_id,
        group_id=group_id,
        vendor_id=wanted.vendor_id,
        decisions=wanted.decisions,
        compliant=wanted.compliant,
    )

    async def read(after: UUID | None, limit: int) -> Sequence[Obligation]:
        return await obligations.obligations_where(by.session, *conditions, after=after, limit=limit, as_of=today())

    found, following = await page_of(window, read, None if wanted.everything else wanted.lets_through)
    return Page(data=[EngagementOut.of(each) for each in found], next=following)


@router.get("/organizations/{organization_id}/engagements")
async def list_engagements(by: Reader, organization: ThisOrganization, window: Paged, wanted: Asked) -> Page[EngagementOut]:
    """What is done for this organization by whom, oldest record first.

    ``baa_required=true&compliant=false`` are the vendors without an agreement in force. ``baa_required=false`` finds those
    that are known to need none; what cannot be decided is found by ``decision=needs_facts`` only.
    """

    async def read(after: UUID | None, limit: int) -> Sequence[Obligation]:
        return await obligations.obligations_of(
            by.session, organization.id, vendor_id=wanted.vendor_id, after=after, limit=limit
        )

    found, following = await page_of(window, read, None if wanted.everything else wanted.lets_through)
    return Page(data=[EngagementOut.of(each) for each in found], next=following)


@router.post("/organizations/{organization_id}/engagements", status_code=201)
async def engage_vendor(by: Writer, organization: ThisOrganization, fields: EngagementFields) -> EngagementOut:
    """Record what a vendor does here. A fact that is left out is unknown, which is never "no"."""
    return await _shown(by, by.tag(await engagements.engage(by.session, organization, fields)))


@router.get("/engagements/{engagement_id}")
async def read_engagement(by: Reader, engagement: ThisEngagement) -> EngagementOut:
    """``baa_decision`` is as of today, also where the engagement itself has not changed since: its ETag does not cover it."""
    return await _shown(by, engagement)


@router.patch("/engagements/{engagement_id}", openapi_extra=patch_of(EngagementFields))
async def change_engagement(by: Writer, engagement: ThisEngagement, changes: Changes) -> EngagementOut:
    """Record a role decision as ``{"facts": {"role_decision": {"role", "decided_on", "decided_by"}}}``."""
    fields = merged(EngagementFields, engagement, changes)
    return await _shown(by, await obligations.revise(by.session, engagement, fields))


@router.delete("/engagements/{engagement_id}", status_code=204)
async def archive_engagement(by: Writer, engagement: ThisEngagement) -> None:
    """For what was recorded by mistake. What has ended gets an ``ended_on`` instead."""
    await archive(by.session, engagement)


async def _shown(by: Inside, engagement: Engagement) -> EngagementOut:
    return EngagementOut.of(await obligations.obligation_of(by.session, engagement))
