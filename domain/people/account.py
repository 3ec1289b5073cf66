"""What an account says of itself: its name, its brand and its settings, among them what it demands of those who sign in."""

from collections.abc import Mapping
from typing import Any

from email_validator import EmailNotValidError, validate_email

from domain.errors import Invalid
from domain.events import differences, emit
from domain.people.brands import check_brand, without_picture
from domain.people.origins import check_origins
from domain.people.revocation import forget_credentials
from domain.people.session_policy import check_policy, policy_of
from domain.people.step_up import expect_fresh_proof
from domain.people.tenants import Tenant, TenantFields
from domain.remediation.sla import accept_sla
from domain.tenancy import TenantSession


async def change_tenant(session: TenantSession, tenant: Tenant, fields: TenantFields) -> Tenant:
    """Set the name, the brand and the settings. What the account demands of those who sign in needs a fresh proof."""
    check_brand(fields.brand)
    check_policy(fields.settings)
    check_origins(fields.settings)
    reminders_to = fields.settings.get("agreement_reminders_to")
    if reminders_to is not None and not _is_address(reminders_to):
        raise Invalid.one("/settings/agreement_reminders_to", "invalid", "This must be an e-mail address.")
    before = {name: getattr(tenant, name) for name in TenantFields.model_fields}
    after = fields.model_dump()
    _refuse_unfit_days(after["settings"].get("task_due_soon_days", 0))
    if after["settings"].get("sla") is not None:
        after["settings"] = {**after["settings"], "sla": accept_sla(after["settings"]["sla"], at="/settings/sla")}
    changed = differences(_told(before), _told(after))
    if changed:
        if policy_of(fields.settings) != policy_of(tenant.settings):
            await expect_fresh_proof(session)
            # What sessions may do without a second factor is remembered with them.
            await forget_credentials(session, tenant.id)
        for name, value in after.items():
            setattr(tenant, name, value)
        tenant.version += 1
        await session.flush()
        emit(session, "tenant.updated", tenant, changed)
    return tenant


def _is_address(text: object) -> bool:
    try:
        validate_email(str(text), check_deliverability=False)
    except EmailNotValidError:
        return False
    return isinstance(text, str)


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "brand": without_picture(values["brand"])}


def _refuse_unfit_days(days: Any) -> None:
    if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= 90:
        raise Invalid.one("/settings/task_due_soon_days", "not_allowed", "A whole number of days, 0 to 90.")
