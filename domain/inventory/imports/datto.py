"""Datto RMM v2: the device list as JSON with the audit beside it, or the table its device page exports.

Datto reports no disk encryption. Practices fill a user-defined field from a BitLocker component; it counts only when
the caller says which one.
"""

from collections.abc import Callable, Mapping

from domain.inventory.imports.columns import CheckedMapping
from domain.inventory.imports.documents import at
from domain.inventory.imports.drafts import Draft
from domain.inventory.imports.generic_csv import Columns
from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.tables import Row
from domain.inventory.imports.texts import letters, text_of
from domain.inventory.imports.words import antivirus_of, encryption_of

MARKS = frozenset({"siteUid", "deviceClass", "cagVersion", "patchManagement", "udf"})
_SPECIAL_SITES = frozenset(map(letters, ("Managed", "OnDemand", "Deleted Devices")))


def reader(audits: Mapping[str, Json], mapping: CheckedMapping) -> Callable[[dict[str, Json]], Draft]:
    encryption_fields = mapping.headings_for("encryption")

    def draft(device: dict[str, Json]) -> Draft:
        audit = audits.get(text_of(device.get("uid")))
        udf = device.get("udf")
        fields = {letters(name): value for name, value in udf.items()} if isinstance(udf, dict) else {}
        return Draft(
            source_id=device.get("uid"),
            hostnames=(device.get("hostname"),),
            os_name=device.get("operatingSystem"),
            os_release=device.get("displayVersion"),
            last_seen=(device.get("lastSeen"),),
            encryption=encryption_of(next((fields[name] for name in encryption_fields if name in fields), None)),
            antivirus=antivirus_of(at(device, "antivirus", "antivirusStatus")),
            serials=(at(audit, "bios", "serialNumber"), at(audit, "baseBoard", "serialNumber")),
            sites=(device.get("siteName"),),
            skip=_skip(device.get("siteName"), deleted=device.get("deleted") is True),
        )

    return draft


def table_draft(columns: Columns, row: Row) -> Draft:
    draft = columns.draft(row)
    draft.skip = _skip(draft.sites[0], deleted=False)
    return draft


def _skip(site: Json, *, deleted: bool) -> str | None:
    if letters(text_of(site)) in _SPECIAL_SITES:
        return "special_site"
    return "deleted" if deleted else None
