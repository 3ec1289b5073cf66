"""Who may do what: permissions, and the seven roles as data.

A permission is ``noun:read`` or ``noun:write`` (or a named act); API keys and OAuth clients carry the same strings as
scopes, and never more of them than their maker has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.networks import Network, includes
from domain.tenancy import Actor, Wall


class Permission(StrEnum):
    access_requests_read = "access_requests:read"
    access_requests_write = "access_requests:write"
    api_keys_read = "api_keys:read"
    api_keys_write = "api_keys:write"
    assessments_answer = "assessments:answer"
    assessments_approve = "assessments:approve"
    assessments_read = "assessments:read"
    assessments_write = "assessments:write"
    audit_read = "audit:read"
    baas_read = "baas:read"
    baas_write = "baas:write"
    backups_read = "backups:read"
    backups_write = "backups:write"
    billing_read = "billing:read"
    billing_write = "billing:write"
    catalogue_read = "catalogue:read"
    connections_read = "connections:read"
    connections_write = "connections:write"
    devices_read = "devices:read"
    devices_write = "devices:write"
    documents_read = "documents:read"
    documents_write = "documents:write"
    engagements_read = "engagements:read"
    engagements_write = "engagements:write"
    events_read = "events:read"
    findings_read = "findings:read"
    findings_write = "findings:write"
    flows_read = "flows:read"
    flows_write = "flows:write"
    groups_read = "groups:read"
    groups_write = "groups:write"
    imports_read = "imports:read"
    imports_write = "imports:write"
    incidents_read = "incidents:read"
    incidents_write = "incidents:write"
    locations_read = "locations:read"
    locations_write = "locations:write"
    members_read = "members:read"
    members_write = "members:write"
    oauth_clients_read = "oauth_clients:read"
    oauth_clients_write = "oauth_clients:write"
    organizations_read = "organizations:read"
    organizations_write = "organizations:write"
    ownership_write = "ownership:write"
    partners_read = "partners:read"
    partners_write = "partners:write"
    policies_read = "policies:read"
    policies_write = "policies:write"
    remote_accesses_read = "remote_accesses:read"
    remote_accesses_write = "remote_accesses:write"
    segments_read = "segments:read"
    segments_write = "segments:write"
    service_accounts_read = "service_accounts:read"
    service_accounts_write = "service_accounts:write"
    sso_connections_read = "sso_connections:read"
    sso_connections_write = "sso_connections:write"
    systems_read = "systems:read"
    systems_write = "systems:write"
    tasks_complete = "tasks:complete"
    tasks_read = "tasks:read"
    tasks_verify = "tasks:verify"
    tasks_write = "tasks:write"
    tenant_read = "tenant:read"
    tenant_write = "tenant:write"
    vendors_read = "vendors:read"
    vendors_write = "vendors:write"
    webhooks_read = "webhooks:read"
    webhooks_write = "webhooks:write"
    workforce_read = "workforce:read"
    workforce_write = "workforce:write"


class Role(StrEnum):
    owner = "owner"
    admin = "admin"
    technician = "technician"
    billing = "billing"
    auditor = "auditor"
    practice_admin = "practice_admin"
    practice_member = "practice_member"


EVERYTHING = frozenset(Permission)
OPENS_DOORS = frozenset(
    {
        Permission.api_keys_write,
        Permission.members_write,
        Permission.oauth_clients_write,
        Permission.ownership_write,
        Permission.service_accounts_write,
        Permission.sso_connections_write,
        Permission.tenant_write,
    }
)
"""Whoever has one of these can let others in, or decide how they come in."""
_READS = frozenset(each for each in Permission if each.endswith(":read"))
_NOT_IN_THE_FIELD = frozenset(
    {
        "api_keys",
        "audit",
        "billing",
        "connections",
        "groups",
        "members",
        "oauth_clients",
        "ownership",
        "service_accounts",
        "sso_connections",
        "tenant",
        "webhooks",
    }
)
_FIELD_WORK = (
    frozenset(each for each in Permission if each.split(":")[0] not in _NOT_IN_THE_FIELD)
    | {Permission.tenant_read, Permission.groups_read}
) - {Permission.assessments_approve, Permission.tasks_verify, Permission.organizations_write}

ROLES: dict[Role, frozenset[Permission]] = {
    Role.owner: EVERYTHING,
    Role.admin: EVERYTHING - {Permission.ownership_write},
    Role.technician: _FIELD_WORK,
    Role.billing: frozenset(
        {
            Permission.billing_read,
            Permission.billing_write,
            Permission.organizations_read,
            Permission.locations_read,
            Permission.tenant_read,
            Permission.catalogue_read,
        }
    ),
    Role.auditor: _READS,
    Role.practice_admin: _FIELD_WORK | {Permission.assessments_approve, Permission.tasks_verify, Permission.billing_read},
    Role.practice_member: frozenset(
        {
            Permission.organizations_read,
            Permission.assessments_read,
            Permission.assessments_answer,
            Permission.tasks_read,
            Permission.tasks_complete,
            Permission.catalogue_read,
        }
    ),
}
"""The table of the contract, as data. The two practice roles are always narrowed to some organizations."""

NARROWED = frozenset({Role.practice_admin, Role.practice_member})


Reach = frozenset[UUID] | None
"""The organizations that somebody is narrowed to; None means all of the tenant's."""


def both_reach(one: Reach, other: Reach) -> Reach:
    """What two narrowings leave together."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def as_reach(organization_ids: Sequence[UUID | str] | None) -> Reach:
    """A narrowing as it stands in a column."""
    return None if organization_ids is None else frozenset(UUID(str(each)) for each in organization_ids)


class Withheld(StrEnum):
    """What a session has still to do before it may do anything else."""

    verification = "mfa_required"
    """Show a second factor."""
    enrolment = "mfa_enrolment_required"
    """Set a second factor up."""


@dataclass(frozen=True)
class Principal:
    """Whoever is acting, with everything that decides what they may do."""

    tenant_id: UUID
    actor: Actor
    role: Role
    permissions: frozenset[Permission]
    organization_ids: Reach = None
    networks: tuple[Network, ...] = ()
    """The addresses that the credential may be used from; none named means any."""
    ends_at: datetime | None = None
    """When the credential ends by itself. What it makes ends no later."""

    withheld: Withheld | None = None
    """Why a session may do nothing yet; then ``permissions`` is empty."""

    @property
    def wall(self) -> Wall:
        return Wall(self.tenant_id, self.organization_ids)

    @property
    def lent(self) -> bool:
        """True for a credential that was given less than its member has, or could have been: all but the member's own
        session."""
        return self.actor.kind not in {"member", "session"}

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def may_come_from(self, address: str | None) -> bool:
        return not self.networks or includes(self.networks, address)
