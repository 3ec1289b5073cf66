"""N-central: the REST device list, with the asset detail beside it by device id.

The list alone has neither build nor serial number; without the detail most devices fit several lifecycle rows.
"""

from collections.abc import Callable, Mapping

from domain.inventory.imports.documents import at
from domain.inventory.imports.drafts import Draft
from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.texts import first_text, text_of

MARKS = frozenset({"longName", "discoveredName", "supportedOsLabel", "applianceId", "lastApplianceCheckinTime"})


def reader(assets: Mapping[str, Json]) -> Callable[[dict[str, Json]], Draft]:
    def draft(device: dict[str, Json]) -> Draft:
        asset = assets.get(text_of(device.get("deviceId")))
        detail = at(asset, "data") or asset
        return Draft(
            source_id=device.get("deviceId"),
            hostnames=(device.get("longName"), device.get("discoveredName")),
            os_name=first_text(at(detail, "os", "reportedos"), device.get("supportedOsLabel"), device.get("supportedOs")),
            os_build=at(detail, "os", "version"),
            last_seen=(device.get("lastApplianceCheckinTime"),),
            serials=(at(detail, "computersystem", "serialnumber"),),
            sites=(device.get("siteName"), device.get("customerName")),
            companies=(device.get("customerName"),),
        )

    return draft
