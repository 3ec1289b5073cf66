"""The map of the Lakeview practice, and a made-up group of any size, for the pictures and the reports in the tests."""

import datetime
import json
import random
from pathlib import Path
from typing import Any

from domain.inventory.map import MapEdge, MapNode, NetworkMap, OsSupport

LAKEVIEW = Path(__file__).parents[3] / "samples" / "lakeview-dental"
AS_OF = datetime.date(2026, 11, 22)
ENDED = {"op1", "op2", "op3", "pano-1"}
WITH_SYSTEM = {"consult", "front1", "front2", "img01", "pms01", "lt01"}
NO_SYSTEM = {"sensor-a", "sensor-b", "usbdrive", "usbstick", "cloud1", "mail1", "msp-rmm"}


def lakeview_survey() -> dict[str, Any]:
    return json.loads((LAKEVIEW / "imaging-survey.json").read_text())


def lakeview_expected() -> dict[str, Any]:
    return json.loads((LAKEVIEW / "expected.json").read_text())


def asset_name(asset: dict[str, Any]) -> str:
    return str(asset.get("hostname") or asset["id"]).upper()


def os_support(asset_id: str) -> OsSupport:
    if asset_id in ENDED:
        return "ended"
    if asset_id in WITH_SYSTEM:
        return "supported"
    return "not_applicable" if asset_id in NO_SYSTEM else "unknown"


def lakeview_map() -> NetworkMap:
    survey = lakeview_survey()
    nodes = [
        MapNode(
            id=asset["id"],
            name=asset_name(asset),
            kind=asset["kind"],
            location=None if asset["location"] == "vendor" else "Main office",
            segment=asset.get("segment"),
            stores_ephi=asset["stores_ephi"],
            os_support=os_support(asset["id"]),
            hosted=asset["location"] == "vendor",
        )
        for asset in [*survey["systems"], *survey["modalities"]]
        if asset["status"] == "active"
    ]
    flows = [flow for flow in survey["flows"] if flow["active"]]
    named = {entry["id"]: entry for entry in [*survey["partners"], *survey["vendors"]]}
    known = {node.id for node in nodes}
    for flow in flows:
        for end in (flow["source_asset"], flow["destination"]):
            if end not in known:
                known.add(end)
                party = named.get(end, {"name": end})
                kind = party.get("type", "vendor" if end in named else "outside party")
                nodes.append(
                    MapNode(
                        id=end,
                        name=party["name"],
                        kind=kind,
                        stores_ephi=None if kind == "vendor" else True,
                        os_support="not_applicable",
                        outside=True,
                    )
                )
    edges = [
        MapEdge(
            id=flow["id"],
            source=flow["source_asset"],
            destination=flow["destination"],
            method=flow["method"],
            encrypted=flow["encrypted"],
            logged=flow.get("audit_logged"),
            crosses_internet=flow["crosses_internet"],
            purpose=flow["purpose"],
            direction=flow["direction"],
            label=flow["name"],
        )
        for flow in flows
    ]
    return NetworkMap(title=survey["practice"]["name"], as_of=AS_OF, nodes=tuple(nodes), edges=tuple(edges))


def group_map(*, nodes: int, locations: int = 4, seed: int = 7) -> NetworkMap:
    """A dental group with ``nodes`` nodes, wired as practices are: rooms to a server, the server outwards."""
    chance = random.Random(seed)
    drawn: list[MapNode] = [
        _node("cloud", "Cloud image archive", "cloud_archive", None, None, hosted=True, ephi=True),
        _node("mail", "Business e-mail", "email_system", None, None, hosted=True, ephi=None),
        _node("patient", "Patients", "patient", None, None, outside=True, ephi=True),
        _node("ortho", "Northside Orthodontics", "specialist", None, None, outside=True, ephi=True),
        _node("insurer", "Insurer", "insurer", None, None, outside=True, ephi=True),
    ]
    edges: list[MapEdge] = []

    def joined(source: str, destination: str, method: str, *, internet: bool, label: str) -> None:
        edges.append(
            MapEdge(
                id=f"f{len(edges)}",
                source=source,
                destination=destination,
                method=method,
                encrypted=chance.choice([True, True, True, False, None]),
                logged=chance.choice([True, True, False, None]),
                crosses_internet=internet,
                purpose="treatment",
                direction="outbound" if internet else "internal",
                label=label,
            )
        )

    kinds = [
        "capture_workstation",
        "capture_workstation",
        "intraoral_sensor",
        "front_desk_workstation",
        "panoramic_unit",
    ]
    for place in range(locations):
        where = ["Harbor Dental Downtown", "Harbor Dental East", "Harbor Kids", "Harbor Surgery"][place % 4]
        where = where if place < 4 else f"{where} {place}"
        server = f"srv{place}"
        drawn.append(_node(server, f"HG-IMG{place:02}", "imaging_server", where, "servers", ephi=True, chance=chance))
        joined(server, "cloud", "https", internet=True, label="nightly copy")
        joined(server, "ortho", chance.choice(["email", "portal", "usb"]), internet=True, label="referrals")
        joined("mail", "patient", "email", internet=True, label="images to patients")
    while len(drawn) < nodes:
        number = len(drawn)
        place = number % locations
        where = next(node.location for node in drawn if node.id == f"srv{place}")
        kind = kinds[(number // locations) % len(kinds)]
        segment = {"intraoral_sensor": "not_networked", "front_desk_workstation": "front desk"}.get(kind, "clinical")
        drawn.append(_node(f"n{number}", f"HG-{number:03}", kind, where, segment, ephi=None, chance=chance))
        if kind == "capture_workstation":
            joined(f"n{number}", f"srv{place}", "smb", internet=False, label=f"images of room {number}")
        if kind == "panoramic_unit":
            joined(f"n{number}", f"srv{place}", "dicom", internet=False, label="panoramic images")
        if kind == "front_desk_workstation" and number % 3 == 0:
            joined(f"n{number}", "insurer", "portal", internet=True, label="claims")
    return NetworkMap(title="Harbor Dental Group", as_of=AS_OF, nodes=tuple(drawn), edges=tuple(edges))


def _node(
    node_id: str,
    name: str,
    kind: str,
    location: str | None,
    segment: str | None,
    *,
    ephi: bool | None,
    hosted: bool = False,
    outside: bool = False,
    chance: random.Random | None = None,
) -> MapNode:
    computer = kind.endswith("workstation") or kind.endswith("server")
    support: OsSupport = "not_applicable"
    if chance is not None and computer:
        ephi = chance.choice([True, False, None]) if ephi is None else ephi
        support = chance.choice(["supported", "supported", "ended", "unknown"])
    elif chance is not None:
        ephi = False
    return MapNode(
        id=node_id,
        name=name,
        kind=kind,
        location=location,
        segment=segment,
        stores_ephi=ephi,
        os_support=support,
        hosted=hosted,
        outside=outside,
    )
