"""Syncro: customer assets. What the agent measured lies in the ``kabuto_information`` block, which printers lack."""

from domain.inventory.imports.documents import at
from domain.inventory.imports.drafts import Draft
from domain.inventory.imports.normal_form import Json

MARKS = frozenset({"asset_type", "asset_serial", "properties", "customer"})


def draft(asset: dict[str, Json]) -> Draft:
    measured = at(asset, "properties", "kabuto_information")
    return Draft(
        source_id=asset.get("id"),
        hostnames=(asset.get("name"),),
        os_name=at(measured, "os", "name"),
        os_build=at(measured, "os", "build"),
        os_release=at(measured, "os", "windows_release_version"),
        last_seen=(at(measured, "last_synced_at"),),  # updated_at is when a person edited the record
        serials=(asset.get("asset_serial"), at(measured, "general", "serial_number")),
        sites=(at(asset, "customer", "business_name"),),
    )
