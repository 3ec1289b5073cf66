"""Devices of unmapped sites, as they wait: in their normal form, so that no file need be kept for them."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from domain.clock import rfc3339
from domain.inventory.fleet_imports import FleetRow
from domain.inventory.imports.normal_form import ImportedDevice
from domain.inventory.rmm_sites import RmmSite
from domain.tenancy import TenantSession


def held_form(device: ImportedDevice) -> dict[str, Any]:
    """Every member of the device, in JSON's terms."""
    form = asdict(replace(device, raw={}))
    form["raw"] = dict(device.raw)
    form["last_seen"] = None if device.last_seen is None else rfc3339(device.last_seen)
    form["last_patch_on"] = None if device.last_patch_on is None else device.last_patch_on.isoformat()
    return form


def held_device(form: Mapping[str, Any]) -> ImportedDevice:
    """The same device again."""
    said: dict[str, Any] = {**form, "os_candidates": tuple(form["os_candidates"]), "warnings": tuple(form["warnings"])}
    said["last_seen"] = datetime.fromisoformat(form["last_seen"]) if form["last_seen"] else None
    said["last_patch_on"] = date.fromisoformat(form["last_patch_on"]) if form["last_patch_on"] else None
    return ImportedDevice(**said)


async def held_devices(session: TenantSession, site_id: UUID) -> list[ImportedDevice]:
    """What waits for a site, in the order of the export."""
    statement = select(col(FleetRow.held)).where(col(FleetRow.site_id) == site_id, col(FleetRow.held).is_not(None))
    forms = (await session.execute(statement.order_by(col(FleetRow.id)))).scalars()
    return [held_device(form) for form in forms if form is not None]


async def let_go(session: TenantSession, site_id: UUID) -> None:
    """Nothing waits for this site any more."""
    waiting = update(FleetRow).where(col(FleetRow.site_id) == site_id, col(FleetRow.held).is_not(None))
    await session.execute(waiting.values(held=None))
    site = await session.fetch(RmmSite, site_id, lock=True)
    site.waiting = 0
