"""Snipe-IT: the hardware list. What it knows of the system lies in custom fields, found by their labels.

Every text is HTML-escaped. A custom field that shows ``ENCRYPTED`` is a masked value and says nothing about the disk.
"""

import html
from collections.abc import Callable

from domain.inventory.imports.columns import CheckedMapping, columns_of
from domain.inventory.imports.documents import at
from domain.inventory.imports.drafts import Draft
from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.texts import text_of
from domain.inventory.imports.words import antivirus_of, encryption_of

MARKS = frozenset({"asset_tag", "custom_fields", "status_label", "rtd_location"})
_MASKED = "ENCRYPTED"


def reader(mapping: CheckedMapping) -> Callable[[dict[str, Json]], Draft]:
    def draft(asset: dict[str, Json]) -> Draft:
        custom = _custom_fields(asset, mapping)
        return Draft(
            source_id=asset.get("id"),
            hostnames=(_plain(asset.get("name")),),
            os_name=custom.get("os_name"),
            os_edition=custom.get("os_edition"),
            os_build=custom.get("os_build"),
            os_release=custom.get("os_release"),
            last_seen=(
                custom.get("last_seen"),
                at(asset, "last_audit_date", "datetime"),
                at(asset, "last_checkout", "datetime"),
            ),
            encryption=encryption_of(custom.get("encryption")),
            antivirus=antivirus_of(custom.get("av")),
            serials=(_plain(asset.get("serial")), custom.get("serial")),
            sites=tuple(_plain(at(asset, place, "name")) for place in ("location", "rtd_location", "company")),
            companies=(_plain(at(asset, "company", "name")),),
            status="retired" if at(asset, "status_label", "status_type") == "archived" else "active",
        )

    return draft


def _custom_fields(asset: dict[str, Json], mapping: CheckedMapping) -> dict[str, str]:
    """Values of the custom fields by field name. A model without custom fields has a list here, not an object."""
    custom = asset.get("custom_fields")
    if not isinstance(custom, dict):
        return {}
    labels = [html.unescape(label) for label in custom]
    values = [_plain(at(field, "value")) for field in custom.values()]
    return {name: values[position] for name, position in columns_of(labels, mapping).items() if values[position] != _MASKED}


def _plain(value: Json) -> str:
    return html.unescape(text_of(value))
