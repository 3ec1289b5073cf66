"""Atera v3: the agent list. It knows neither encryption nor antivirus, and its OSType calls servers work stations."""

from domain.inventory.imports.drafts import Draft
from domain.inventory.imports.normal_form import Json

MARKS = frozenset({"AgentID", "MachineName", "AgentName", "VendorSerialNumber"})


def draft(agent: dict[str, Json]) -> Draft:
    return Draft(
        source_id=agent.get("AgentID"),
        hostnames=(agent.get("MachineName"), agent.get("SystemName"), agent.get("AgentName")),
        os_name=agent.get("OS"),
        os_build=agent.get("OSBuild"),
        last_seen=(agent.get("LastSeen"), agent.get("Modified")),
        serials=(agent.get("VendorSerialNumber"),),
        sites=(agent.get("CustomerName"),),
    )
