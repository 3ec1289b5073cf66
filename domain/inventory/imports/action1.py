"""Action1: managed endpoints. The system carries its release in brackets, "Windows 11 (23H2)", and never an edition.

Its times are UTC in a form of its own, ``2026-11-22_11-44-11``.
"""

from domain.inventory.imports.drafts import Draft
from domain.inventory.imports.normal_form import Json

MARKS = frozenset({"device_name", "last_seen", "online_status", "subscription_status", "agent_install_date"})


def draft(endpoint: dict[str, Json]) -> Draft:
    return Draft(
        source_id=endpoint.get("id"),
        hostnames=(endpoint.get("name"), endpoint.get("device_name")),
        os_name=endpoint.get("OS"),
        last_seen=(endpoint.get("last_seen"),),
        serials=(endpoint.get("serial"),),
        sites=(endpoint.get("organization"),),
    )
