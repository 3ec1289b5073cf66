"""Builds a World from a sample practice: its survey, joined with the devices that its management software reports."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from domain.inventory.imports.normal_form import ImportedDevice
from domain.inventory.reconcile import Reconciled, Recorded, reconcile
from domain.sra.world import Thing, World

FOLDER = Path(__file__).parent
PRACTICES = ("lakeview-dental", "harbor-group", "cedar-kids")


@dataclass(frozen=True)
class Practice:
    name: str
    survey: dict[str, Any]
    expected: dict[str, Any]
    world: World
    reconciled: Reconciled


@cache
def practice(name: str) -> Practice:
    survey: dict[str, Any] = json.loads((FOLDER / name / "imaging-survey.json").read_text("utf-8"))
    expected: dict[str, Any] = json.loads((FOLDER / name / "expected.json").read_text("utf-8"))
    joined = reconcile(recorded(survey), [imported_device(row) for row in expected["devices"]])
    return Practice(name, survey, expected, world_of(survey, joined), joined)


def recorded(survey: dict[str, Any]) -> list[Recorded]:
    sites = {location["id"]: location.get("rmm_site") for location in survey["locations"]}
    return [
        Recorded(row["id"], row.get("hostname"), sites.get(row.get("location")), row)
        for row in (*survey["systems"], *survey["modalities"])
    ]


def imported_device(row: dict[str, Any]) -> ImportedDevice:
    """The normal form, read back. It only counts the candidates, so they are found again from name, edition and build."""
    return ImportedDevice(
        row=0,
        source_id=row["source_id"],
        hostname=row["hostname"],
        os_name=row["os_name"],
        os_edition=row["os_edition"],
        os_build=row["os_build"],
        os_key=row["os_key"],
        os_candidates=(),
        last_seen=datetime.fromisoformat(row["last_seen"]) if row["last_seen"] else None,
        encryption=row["encryption"],
        av=row["av"],
        av_definitions=row["av_definitions"],
        serial=row["serial"],
        site=row["site"],
        status=row.get("status", "active"),
        warnings=tuple(row.get("warnings", ())),
        raw={},
    )


def world_of(survey: dict[str, Any], joined: Reconciled) -> World:
    kinds = {row["id"]: row["kind"] for row in (*survey["systems"], *survey["modalities"])}
    approved_on = survey["sra"]["approved_on"]
    return World(
        as_of=datetime.fromisoformat(survey["as_of_time"]),
        practice=Thing(survey["practice"]["id"], "practice", survey["practice"]),
        settings=survey["settings"],
        policies=survey["policies"],
        approved_on=date.fromisoformat(approved_on) if approved_on else None,
        prior_risks=things(survey["risks"], "risk"),
        assets=tuple(Thing(id, kinds[id], facts) for id, facts in joined.facts.items()),
        flows=things(survey["flows"], "flow"),
        vendors=things(survey["vendors"], "vendor"),
        engagements=things(survey["engagements"], "engagement"),
        baas=things(survey["baas"], "baa"),
        partners=tuple(Thing(row["id"], row["type"], row) for row in survey["partners"]),
        remote_accesses=things(survey["remote_access"], "remote_access"),
        backups=things(survey["backups"], "backup"),
        workforce=things(survey["users"], "user"),
        incidents=things(survey["incidents"], "incident"),
        access_requests=things(survey["access_requests"], "access_request"),
        documents=things(survey["documents"], "document"),
        answers=tuple(Thing(row["topic"], "answer", row) for row in survey["answers"]),
    )


def things(rows: list[dict[str, Any]], kind: str) -> tuple[Thing, ...]:
    return tuple(Thing(row["id"], kind, row) for row in rows)
