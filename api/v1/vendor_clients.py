"""A vendor's page: every organization that it works for, with its agreements and the risks about it."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from api.derived import page_of
from api.door import Inside, door_router, may
from api.pages import Page, Paged
from api.v1.vendors import ThisVendor
from domain.access import Permission
from domain.clock import today
from domain.sra.levels import Level
from domain.vendors.baa_states import AgreementState, state_of
from domain.vendors.clients import Client, clients_of
from domain.vendors.decision import Outcome
from domain.vendors.standing import BaaState

router = door_router("vendors")
Reader = Annotated[Inside, may(Permission.vendors_read)]


class ClientEngagementOut(BaseModel):
    id: UUID
    service: str
    ended_on: date | None
    decision: Outcome
    reason_code: str
    baa_state: BaaState | None
    compliant: bool | None


class ClientBaaOut(BaseModel):
    id: UUID
    state: AgreementState
    signed_on: date | None
    end_on: date | None


class ClientFindingOut(BaseModel):
    id: UUID
    rule_id: str | None
    title: str
    level: Level


class VendorClientOut(BaseModel):
    organization_id: UUID
    organization_name: str
    engagements: list[ClientEngagementOut] | None = Field(description="Null where you may not read engagements.")
    baas: list[ClientBaaOut] | None = Field(description="Null where you may not read agreements.")
    findings: list[ClientFindingOut] | None = Field(
        description="Open ones about this vendor, the worst first. Null where you may not read findings."
    )

    @staticmethod
    def of(client: Client, by: Inside) -> "VendorClientOut":
        may_read = by.principal.may
        return VendorClientOut(
            organization_id=client.organization.id,
            organization_name=client.organization.name,
            engagements=_engagements(client) if may_read(Permission.engagements_read) else None,
            baas=[
                ClientBaaOut(id=each.id, state=state_of(each, as_of=today()), signed_on=each.signed_on, end_on=each.end_on)
                for each in client.baas
            ]
            if may_read(Permission.baas_read)
            else None,
            findings=[
                ClientFindingOut(id=each.id, rule_id=each.rule_id, title=each.title, level=each.level)
                for each in client.findings
            ]
            if may_read(Permission.findings_read)
            else None,
        )


def _engagements(client: Client) -> list[ClientEngagementOut]:
    return [
        ClientEngagementOut(
            id=each.id,
            service=each.engagement.service,
            ended_on=each.engagement.ended_on,
            decision=each.standing.decision.decision,
            reason_code=each.standing.decision.code,
            baa_state=each.standing.baa_state,
            compliant=each.standing.compliant,
        )
        for each in client.obligations
    ]


@router.get("/vendors/{vendor_id}/organizations")
async def list_vendor_clients(by: Reader, vendor: ThisVendor, window: Paged) -> Page[VendorClientOut]:
    """Every organization that engages this vendor or has an agreement with it."""

    async def read(after: UUID | None, limit: int) -> list[Client]:
        return list(await clients_of(by.session, vendor, after=after, limit=limit))

    found, following = await page_of(window, read)
    return Page(data=[VendorClientOut.of(each, by) for each in found], next=following)
