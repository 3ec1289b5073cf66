"""Published problems of imaging products, matched to what is installed: suggestions that a person can make findings of."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from api.door import Inside, ThisOrganization, door_router, may
from api.pages import Page, Paged, page_of
from api.v1.findings import FindingDetailOut, shown
from domain.access import Permission
from domain.inventory.devices import Device
from domain.sra import issue_matches
from domain.sra.issue_matches import Certainty, IssueFindingFields, Match

router = door_router("findings")
Reader = Annotated[Inside, may(Permission.findings_read)]
Writer = Annotated[Inside, may(Permission.findings_write)]


class KnownIssueOut(BaseModel):
    id: str = Field(description="Of this match: the issue and the asset.")
    issue_id: str
    title: str
    product: str = Field(description="As the issue names it.")
    cve: list[str]
    source: str
    published: str = Field(description="A day, or the month or year where no more is known.")
    url: str
    affected: str | None = Field(description="The range of versions, such as `<= 2025.2`. Null: not published.")
    fixed_in: str | None
    asset_type: Literal["device", "system"]
    asset_id: UUID
    asset_name: str
    installed: str
    installed_version: str | None
    certainty: Certainty = Field(description="`possible`: the version that is installed, or the range, is not known.")
    finding_id: UUID | None = Field(description="The finding that was made of it.")

    @staticmethod
    def of(match: Match) -> "KnownIssueOut":
        issue = match.issue
        return KnownIssueOut(
            id=match.id,
            issue_id=issue.id,
            title=issue.title,
            product=issue.product,
            cve=list(issue.cve),
            source=issue.source,
            published=match.publication.on,
            url=match.publication.url,
            affected=f"{issue.affected.op} {issue.affected.version}" if issue.affected else None,
            fixed_in=issue.fixed_in,
            asset_type="device" if isinstance(match.asset, Device) else "system",
            asset_id=match.asset.id,
            asset_name=match.asset.name,
            installed=match.product,
            installed_version=match.version,
            certainty=match.certainty,
            finding_id=match.finding_id,
        )


@router.get("/organizations/{organization_id}/known-issues")
async def list_known_issues(
    by: Reader, organization: ThisOrganization, window: Paged, certainty: Certainty | None = None
) -> Page[KnownIssueOut]:
    """What is published about the products that are installed here, by product and version."""
    found = [KnownIssueOut.of(each) for each in await issue_matches.matches_of(by.session, organization)]
    return page_of([each for each in found if certainty in (None, each.certainty)], window, key=lambda each: each.id)


@router.post("/organizations/{organization_id}/known-issues", status_code=201)
async def make_finding_of_known_issue(
    by: Writer, organization: ThisOrganization, fields: IssueFindingFields
) -> FindingDetailOut:
    """Make a finding of one suggestion. 409 where that has been done."""
    return await shown(by, by.tag(await issue_matches.make_finding(by.session, organization, fields)))
