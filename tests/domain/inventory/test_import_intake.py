"""One batch of an import: what was decided ahead counts as long as what it rests on is as it was."""

import json
from typing import Any
from uuid import UUID

import pytest

from domain.clock import now
from domain.database import tenant_session
from domain.inventory.import_intake import Intake
from domain.inventory.import_reports import Report
from domain.inventory.importing import Export, intake_of, read_export
from domain.inventory.imports.normal_form import ImportedDevice
from domain.inventory.sent_files import SentFile
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.makers import Caller, House, expect, make_device

OPEN = {"id": 1, "systemName": "PC1", "nodeClass": "WINDOWS_WORKSTATION", "approvalStatus": "APPROVED"}
VOLUME = {"deviceId": 1, "deviceType": "Fixed", "bitLockerStatus": {"protectionStatus": "PROTECTED"}}


@pytest.mark.parametrize("what", ["nothing", "the device", "another of that name"])
async def test_a_decision_made_ahead_holds_unless_somebody_wrote_meanwhile(house: House, runtime: Runtime, what: str) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await make_device(msp, practice, name="Chair 1", hostname="pc1")
    intake, rows = _export(practice)
    async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM, read_only=True) as session:
        ahead = await intake.decide(session, rows, lock=False)
    assert intake.report.told == 0, "nothing is told before it is done"

    if what == "the device":
        expect(await msp.patch(f"/devices/{device['id']}", {"encryption_at_rest": "none"}), 200)
    if what == "another of that name":
        await make_device(msp, practice, name="Chair 2", hostname="PC1")
    async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        await intake.take(session, rows, ahead)

    assert (intake.report.told, [each["position"] for each in intake.report.rows]) == (1, [1])
    found = await _devices(msp)
    if what == "nothing":
        assert [(each["encryption_at_rest"], each["source_id"]) for each in found] == [("volume", "1")]
    if what == "the device":
        assert [each["encryption_at_rest"] for each in found] == ["none"], "what a person said meanwhile is not overruled"
        assert [each["fact"] for each in intake.report.conflicts] == ["encryption_at_rest"]
    if what == "another of that name":
        assert len(found) == 3, "two of that name cannot be told apart, so the row is a machine of its own"


def _export(practice: str) -> tuple[Intake, list[ImportedDevice]]:
    parts = {"devices": [OPEN], "volumes": [VOLUME]}
    files = tuple(SentFile(part, f"{part}.json", json.dumps(rows).encode()) for part, rows in parts.items())
    export = Export("ninjaone", files, as_of=now())
    parsed = read_export(export, now())
    return intake_of(UUID(practice), export, parsed, Report("ninjaone", now(), [])), list(parsed.rows)


async def _devices(msp: Caller) -> list[dict[str, Any]]:
    return list(await msp.all("/devices"))
