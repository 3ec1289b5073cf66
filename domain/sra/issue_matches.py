"""Published problems of what an organization has installed: suggestions, each with its source and day, for a person to judge.

Some of them are risks by a rule already (DCM-05, DCM-08); all of them can be made a finding by hand, once for each asset.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlmodel import Field, col, select

from domain.errors import Conflict, Invalid
from domain.inventory.devices import Device
from domain.inventory.kinds import AssetStatus
from domain.inventory.organizations import Organization
from domain.inventory.systems import System
from domain.known import is_mapping
from domain.sra.catalogue import KnownIssue, catalogue
from domain.sra.findings import Finding
from domain.sra.known_issues import issues_of, may_be_meant, readable, version_matches
from domain.sra.levels import Level
from domain.sra.manual_findings import ManualFindingFields, SubjectType, write_down
from domain.sra.things import device_thing, system_thing
from domain.tenancy import Fields, TenantSession
from domain.vendors.market import Publication, market

CITATIONS = ["164.308(a)(1)(ii)(B)", "164.308(a)(5)(ii)(B)"]
"""Reduce what is known to be a risk, and guard against malicious software."""


class Certainty(StrEnum):
    """``affected``: the version lies in the published range. ``possible``: the version or the range is not known, or what was
    published leaves open whether this version is meant."""

    affected = "affected"
    possible = "possible"


@dataclass(frozen=True)
class Match:
    """One issue and one asset that has its product."""

    issue: KnownIssue
    publication: Publication
    asset: Device | System
    product: str
    version: str | None
    certainty: Certainty
    finding_id: UUID | None

    @property
    def id(self) -> str:
        return key_of(self.issue.id, self.asset.id)


class IssueFindingFields(Fields):
    """Which suggestion is made a finding. The rating is a person's; it says where it begins."""

    issue_id: str = Field(max_length=100)
    asset_id: UUID
    likelihood: Level = Level.moderate
    impact: Level = Level.high
    current_measures: str | None = Field(default=None, min_length=1, max_length=4000)


def key_of(issue_id: str, asset_id: UUID) -> str:
    return f"known_issue:{issue_id}:{asset_id}"


async def matches_of(session: TenantSession, organization: Organization, *, asset_id: UUID | None = None) -> list[Match]:
    """Every suggestion for an organization, or for one of its assets, in the order of issues and names."""
    assets: list[Device | System] = [
        *await _assets(session, Device, organization, asset_id),
        *await _assets(session, System, organization, asset_id),
    ]
    made = select(Finding.key, Finding.id).where(
        col(Finding.organization_id) == organization.id, col(Finding.key).startswith("known_issue:")
    )
    found_already = {row[0]: row[1] for row in await session.execute(made)}
    found = [match for asset in assets for match in _matches(asset, found_already)]
    return sorted(found, key=lambda each: (each.issue.id, each.asset.name, each.asset.id))


async def make_finding(session: TenantSession, organization: Organization, fields: IssueFindingFields) -> Finding:
    """Turn a suggestion into a finding, in the words of the catalogue and with where it was published."""
    matches = await matches_of(session, organization, asset_id=fields.asset_id)
    match = next((each for each in matches if each.issue.id == fields.issue_id), None)
    if match is None:
        raise Invalid.one("/issue_id", "no_such_match", "This issue matches nothing that is installed on this asset.")
    if match.finding_id is not None:
        raise Conflict("A finding about this issue on this asset is there already.", code="already_found")
    issue, where = match.issue, f"{match.issue.source}, {match.publication.on}, {match.publication.url}"
    installed = f"{match.product} {match.version or '(version not known)'}"
    said = ManualFindingFields(
        title=f"{issue.product}: {issue.title}"[:300],
        threat="Somebody uses a published weakness of the product to reach, change or destroy images.",
        vulnerability=f"{installed} is installed. {_range(issue)} Published: {where}.",
        remediation=f"Update to {issue.fixed_in} or later."
        if issue.fixed_in
        else "Ask the maker for a fix; until then change what is built in, and keep the product's database off the network.",
        reason=f"A published issue ({issue.id}); rated by the person who made it a finding.",
        current_measures=fields.current_measures,
        citations=CITATIONS,
        subject_type=SubjectType.device if isinstance(match.asset, Device) else SubjectType.system,
        subject_id=match.asset.id,
        likelihood=fields.likelihood,
        impact=fields.impact,
    )
    return await write_down(session, organization, said, key=match.id)


def _range(issue: KnownIssue) -> str:
    if issue.affected is None:
        return "Which versions are affected is not published here."
    words = {"<": "before", "<=": "up to", "==": "exactly"}
    return f"Affected: {words[issue.affected.op]} version {issue.affected.version}."


def _matches(asset: Device | System, found_already: dict[str, UUID]) -> Iterator[Match]:
    facts = (device_thing(asset) if isinstance(asset, Device) else system_thing(asset)).facts
    book = catalogue()
    issues = {issue.id: issue for issue in book.known_issues}
    installed: Any = facts.get("software") or []
    for software in installed:
        if not is_mapping(software):
            continue
        version = readable(software).get("version")
        for issue_id, about in issues_of(software, book.known_issues):
            inside = version_matches(version, about.get("affected"))
            if inside is False and not may_be_meant(version, issues[issue_id]):
                continue
            yield Match(
                issue=issues[issue_id],
                publication=market().publications[issue_id],
                asset=asset,
                product=str(software["name"]),
                version=version,
                certainty=Certainty.affected if inside else Certainty.possible,
                finding_id=found_already.get(key_of(issue_id, asset.id)),
            )


async def _assets(
    session: TenantSession, kind: type[Device] | type[System], organization: Organization, asset_id: UUID | None
) -> list[Any]:
    statement: Any = select(kind).where(
        col(kind.organization_id) == organization.id, col(kind.archived_at).is_(None), col(kind.status) == AssetStatus.active
    )
    if asset_id is not None:
        statement = statement.where(col(kind.id) == asset_id)
    return list((await session.execute(statement)).scalars())
