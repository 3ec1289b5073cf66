"""Keeps patients out of free text, for every noun alike: what looks like a patient identifier is refused by field.

A tenant may choose to be warned instead (``{"patient_identifiers": "warn"}`` in its settings); then the text is taken,
and an event says which fields looked wrong, never what they held.
"""

from collections.abc import Mapping
from typing import Any

from sqlmodel import col, select

from domain.errors import Fault, Invalid
from domain.inventory.patient_data import SENTENCES, Identifier, patient_identifiers
from domain.people.tenants import Tenant
from domain.tenancy import TenantSession

CODE = "looks_like_patient_identifier"
NUMBERS_BY_NATURE = frozenset({"serial", "os_build", "product_version"})
"""Fields whose honest values may have the form of an identifier: a serial number of 3-2-4 digits is no person's."""


async def keep_patients_out(session: TenantSession, said: Mapping[str, Any]) -> dict[str, Identifier]:
    """Refuse fields that seem to name a patient, one fault each; or give them by pointer where the tenant lets them pass."""
    found = dict(patient_identifiers({name: value for name, value in said.items() if name not in NUMBERS_BY_NATURE}))
    if found and not await _only_warned(session):
        raise Invalid([Fault(pointer, CODE, SENTENCES[kind]) for pointer, kind in found.items()])
    return found


async def _only_warned(session: TenantSession) -> bool:
    tenant = (await session.execute(select(Tenant).where(col(Tenant.id) == session.tenant_id))).scalar_one()
    return tenant.settings.get("patient_identifiers") == "warn"
