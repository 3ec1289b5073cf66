"""The day by which each open risk is to be treated, by the policy that holds for its organization."""

from collections.abc import Mapping
from typing import Any

from domain.inventory.organizations import Organization
from domain.people.tenants import own
from domain.remediation.sla import SlaPolicy
from domain.sra.findings import Finding, FindingStatus
from domain.tenancy import TenantSession


async def sla_of(session: TenantSession, organization: Organization) -> SlaPolicy:
    """The policy that holds for an organization."""
    tenants: Mapping[str, Any] = (await own(session)).settings.get("sla") or {}
    organizations: Mapping[str, Any] = organization.settings.get("sla") or {}
    return SlaPolicy.model_validate({**tenants, **organizations})


def set_due(finding: Finding, policy: SlaPolicy) -> None:
    """The day by which a finding is to be treated, as it stands now; none unless it is open."""
    due = None
    if finding.status == FindingStatus.open:
        due = policy.due_on(finding.level, since=(finding.reopened_at or finding.opened_at).date())
    if finding.due_on != due:
        finding.due_on = due
