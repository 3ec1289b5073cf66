"""Large imports over HTTP: the worker does them batch by batch, and neither a kill -9 nor a second export doubles anything."""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from domain.database import tenant_session
from domain.inventory.organizations import Organization
from domain.runtime import Runtime, Targets
from domain.tenancy import SYSTEM, Wall
from tests.domain.outbound.listening import eventually, working
from tests.domain.test_worker import ROOT, WORKER
from tests.makers import Caller, House, expect

TITLE = "Hostname,Operating system,Serial,Encryption,Last seen\n"


async def practice_with_room(house: House, by: Caller) -> str:
    """An organization whose plan covers as many devices as may come."""
    practice = await house.organization(by)
    async with tenant_session(house.runtime.database, Wall(by.tenant_id), actor=SYSTEM) as session:
        (await session.fetch(Organization, UUID(practice))).limits = {"devices": 100_000}
    return practice


def table(count: int, *, last_seen: str = "2026-11-22T08:00:00Z", encryption: str = "on") -> str:
    rows = (f"PC{n:05},Windows 11 Pro,SER{n:05},{encryption},{last_seen}\n" for n in range(count))
    return TITLE + "".join(rows)


async def send_table(by: Caller, organization: str, text: str, as_of: str = "2026-11-22T12:00:00Z") -> dict[str, Any]:
    body = {"source": "csv", "as_of": as_of, "documents": {"devices": text}}
    return expect(await by.post(f"/organizations/{organization}/imports", body), 202)


async def finished(by: Caller, report: dict[str, Any]) -> dict[str, Any]:
    async def is_finished() -> bool:
        return (await by.get_json(f"/imports/{report['id']}"))["status"] in ("completed", "failed")

    await eventually(is_finished, "the import is finished", within=60)
    return await by.get_json(f"/imports/{report['id']}")


async def kinds_of_events(by: Caller) -> list[str]:
    return [each["kind"] for each in await by.all("/events") if each["kind"].startswith(("device.", "import."))]


async def test_a_large_import_is_the_worker_s(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    practice = await practice_with_room(house, msp)
    sent = await msp.post(
        f"/organizations/{practice}/imports",
        {"source": "csv", "as_of": "2026-11-22T12:00:00Z", "documents": {"devices": table(1500)}},
    )
    report = expect(sent, 202)
    assert sent.headers["location"] == f"/v1/imports/{report['id']}"
    assert (report["status"], report["rows"], report["kept"]) == ("queued", [], True)
    waiting = await msp.get_json(f"/imports/{report['id']}")
    assert (waiting["status"], waiting["rows_done"], waiting["rows_total"]) == ("queued", 0, None)
    async with working(runtime):
        done = await finished(msp, report)
    assert (done["status"], done["rows_done"], done["rows_total"], done["error"]) == ("completed", 1500, 1500, None)
    assert done["counts"] == {**done["counts"], "created": 1500, "rejected": 0}
    assert len(done["unmatched"]) == 1500
    assert done["files"][0]["delimiter"] == ",", "how it was read is kept with what was sent"
    rows = await msp.all(f"/imports/{report['id']}/rows")
    assert [row["position"] for row in rows] == list(range(1, 1501))
    assert len(await msp.all("/devices")) == 1500
    created = [each for each in await msp.all("/audit-log") if each["kind"] == "device.created"]
    assert len(created) == 1500
    assert {each["actor"]["member_id"] for each in created} == {str(msp.member_id)}, "it was done in the sender's name"
    assert (await msp.get_json("/audit-log/verification"))["intact"]
    listed = await msp.all(f"/organizations/{practice}/imports")
    assert [each["id"] for each in listed] == [report["id"]]


async def test_seen_again_is_no_news_and_no_longer_listed_is_stale(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    practice = await practice_with_room(house, msp)
    async with working(runtime):
        await finished(msp, await send_table(msp, practice, table(1100)))
        told = await kinds_of_events(msp)
        later = await finished(
            msp,
            await send_table(msp, practice, table(1050, last_seen="2026-11-23T08:00:00Z"), as_of="2026-11-23T12:00:00Z"),
        )
    assert later["counts"] == {**later["counts"], "unchanged": 1050, "created": 0, "updated": 0}
    assert (await kinds_of_events(msp))[len(told) :] == ["device.updated"] * 50 + ["import.completed"]
    devices = await msp.all("/devices")
    assert sorted(each["name"] for each in devices if each["stale_since"]) == [f"PC{n:05}" for n in range(1050, 1100)]
    assert {each["last_seen_at"] for each in devices if not each["stale_since"]} == {"2026-11-23T08:00:00.000000Z"}


async def test_what_cannot_be_read_fails_and_says_why(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    practice = await practice_with_room(house, msp)
    text = "[" + " " * 600_000 + "{]"
    body = {"source": "ninjaone", "documents": {"devices": text}}
    report = expect(await msp.post(f"/organizations/{practice}/imports", body), 202)
    async with working(runtime):
        failed = await finished(msp, report)
    assert failed["status"] == "failed"
    assert (failed["error"]["code"], failed["error"]["pointer"]) == ("not_json", "/devices")
    assert await kinds_of_events(msp) == ["import.failed"]
    assert await msp.all("/devices") == []


async def a_worker_is_killed(runtime: Runtime, targets: Targets, in_the_middle: Callable[[], Awaitable[bool]]) -> None:
    """A worker in a process of its own, killed as soon as it stands in the middle of what there is to do."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    try:
        settings = {"data_dir": str(runtime.settings.data_dir), "log_level": "error"}
        process.stdin.write(json.dumps({"settings": settings, "target": targets.app}, default=str).encode() + b"\n")

        await eventually(in_the_middle, "the first batch is taken", within=60)
        process.send_signal(signal.SIGKILL)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_after_a_kill_the_next_worker_goes_on_and_nothing_is_doubled(
    house: House, runtime: Runtime, targets: Targets
) -> None:
    msp = await house.tenant()
    practice = await practice_with_room(house, msp)
    report = await send_table(msp, practice, table(4000))

    async def is_under_way() -> bool:
        return (await msp.get_json(f"/imports/{report['id']}"))["rows_done"] > 0

    await a_worker_is_killed(runtime, targets, is_under_way)
    left = await msp.get_json(f"/imports/{report['id']}")
    assert left["status"] == "running"
    assert 0 < left["rows_done"] < 4000, "the kill came in the middle"
    assert len(await msp.all("/devices")) == left["rows_done"], "what is counted is written, and nothing else"
    async with working(runtime):
        done = await finished(msp, report)
    assert done["counts"] == {**done["counts"], "created": 4000, "updated": 0, "unchanged": 0, "duplicate": 0}
    devices = await msp.all("/devices")
    assert sorted(each["hostname"] for each in devices) == [f"PC{n:05}" for n in range(4000)]
    assert len(done["unmatched"]) == 4000
    rows = await msp.all(f"/imports/{report['id']}/rows")
    assert [row["position"] for row in rows] == list(range(1, 4001))
    assert (await kinds_of_events(msp)).count("device.created") == 4000
    assert (await msp.get_json("/audit-log/verification"))["intact"]


async def test_an_import_for_the_whole_account_bears_a_kill_as_well(house: House, runtime: Runtime, targets: Targets) -> None:
    msp = await house.tenant()
    practice, other = await practice_with_room(house, msp), await practice_with_room(house, msp)
    for company, organization in (("Lakeview", practice), ("Harbor", other)):
        await msp.make("/rmm-sites", {"source": "csv", "company": company, "organization_id": organization})
    rows = [f"PC{n:05},{'Harbor' if n >= 3000 else 'Lakeview' if n else 'Nobody'}" for n in range(3500)]
    document = "\n".join(["hostname,company", *rows, ""])
    report = expect(await msp.post("/fleet-imports", {"source": "csv", "document": document}), 202)
    path = f"/fleet-imports/{report['id']}"

    async def is_under_way() -> bool:
        return any(each["counts"] for each in (await msp.get_json(path))["imports"])

    await a_worker_is_killed(runtime, targets, is_under_way)
    left = await msp.get_json(path)
    assert (left["status"], left["waiting"]) == ("running", 1)

    async def is_over() -> bool:
        return (await msp.get_json(path))["status"] == "completed"

    async with working(runtime):
        await eventually(is_over, "the import is finished", within=60)
    done = await msp.get_json(path)
    assert done["counts"] == {**done["counts"], "created": 3499, "skipped": 1, "updated": 0, "unchanged": 0, "duplicate": 0}
    assert sorted(each["hostname"] for each in await msp.all("/devices")) == [f"PC{n:05}" for n in range(1, 3500)]
    assert (await kinds_of_events(msp)).count("device.created") == 3499
