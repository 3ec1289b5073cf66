"""RMM connections over HTTP, against tools that page, ask to wait, break off and forget: what comes in is what their export
would have brought, once and whole, or nothing.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest

from domain.access import Role
from domain.clock import now
from domain.database import tenant_session
from domain.inventory.rmm import datto, ninjaone, pulling
from domain.inventory.rmm.connections import RmmConnection
from domain.inventory.rmm.runs import RmmRun
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.domain.inventory.management_tools import (
    JSON,
    SECRET,
    FakeDatto,
    FakeNinjaOne,
    Sent,
    Tool,
    hung_up,
    read,
    said,
)
from tests.domain.outbound.listening import eventually, working
from tests.domain.ticketing.fakes import serving
from tests.mailbox import letters_to
from tests.makers import Caller, House, expect

HTML = (200, {"content-type": "text/html; charset=utf-8"}, b"<html><body>Scheduled maintenance</body></html>")
CUT = (200, JSON, b'[{"id": 3, "systemName": "RF-S')
ONLY_HERE = {"id", "organization_id", "created_at", "updated_at"}


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ninjaone, "DEVICES_AT_ONCE", 2)
    monkeypatch.setattr(ninjaone, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(datto, "AT_ONCE", 2)
    monkeypatch.setattr(datto, "AT_ONCE_WITH_AUDITS", 2)
    monkeypatch.setattr(pulling, "PAUSES", (timedelta(0), timedelta(0)))


async def connect(by: Caller, tool: Tool, **fields: Any) -> dict[str, Any]:
    named = {"client_id": "bitewing", "client_secret": SECRET}, {"api_key": "bitewing", "api_secret": SECRET}
    product, credentials = ("ninjaone", named[0]) if isinstance(tool, FakeNinjaOne) else ("datto", named[1])
    body = {"name": "Our RMM", "product": product, "base_url": tool.url, "credentials": credentials, **fields}
    return await by.make("/rmm-connections", body)


async def run_of(by: Caller, connection: dict[str, Any]) -> dict[str, Any]:
    """A run, until it is over. A worker has to be there."""
    started = expect(await by.post(f"/rmm-connections/{connection['id']}/runs"), 202)
    return await over(by, started["id"])


async def over(by: Caller, run_id: str) -> dict[str, Any]:
    async def is_over() -> bool:
        return (await by.get_json(f"/rmm-runs/{run_id}"))["finished_at"] is not None

    await eventually(is_over, "the run is over")
    return await by.get_json(f"/rmm-runs/{run_id}")


async def pulled(runtime: Runtime, by: Caller, run_id: str, *, times: int = 1) -> dict[str, Any]:
    """The job's work without its waiting."""
    for _ in range(times):
        await pulling.pull(runtime, {"tenant_id": str(by.tenant_id), "run_id": run_id})
    return await by.get_json(f"/rmm-runs/{run_id}")


async def started(by: Caller, connection: dict[str, Any]) -> str:
    return expect(await by.post(f"/rmm-connections/{connection['id']}/runs"), 202)["id"]


async def inventory(by: Caller) -> list[dict[str, Any]]:
    """Every device, by what it says."""
    devices = [{name: value for name, value in each.items() if name not in ONLY_HERE} for each in await by.all("/devices")]
    for each in devices:
        del each["location_id"], each["stale_since"]
        for mark in each["provenance"].values():
            mark.pop("observed_at", None)
    return sorted(devices, key=lambda each: each["hostname"])


def answering(answer: Sent | Callable[[], Sent]) -> Callable[[], Sent]:
    return answer if callable(answer) else lambda: answer


NINJA_FILES = {
    "devices": read("ninjaone-devices.json"),
    "volumes": read("ninjaone-volumes.json"),
    "antivirus": read("ninjaone-antivirus.json"),
    **{part: {"results": FakeNinjaOne().queries[part]} for part in ("os-patch-installs", "os-patches")},
}
DATTO_FILES = {"devices": read("datto-devices.json"), "audit": read("datto-audit.json")}


@pytest.mark.parametrize(
    ("tool", "files", "fields", "site"),
    [
        (FakeNinjaOne(), NINJA_FILES, {}, {"company": "Example Dental"}),
        (FakeDatto(), DATTO_FILES, {"settings": {"audits": True, "encryption_field": "udf7"}}, {"site": "Main"}),
    ],
    ids=["ninjaone", "datto"],
)
async def test_a_pull_brings_what_the_export_would_have_brought(
    house: House, runtime: Runtime, tool: Tool, files: dict[str, Any], fields: dict[str, Any], site: dict[str, str]
) -> None:
    msp, other = await house.tenant(), await house.tenant()
    source = "ninjaone" if isinstance(tool, FakeNinjaOne) else "datto"
    for by in (msp, other):
        organization = await house.organization(by)
        await by.make("/rmm-sites", {"source": source, "organization_id": organization, **site})
    async with serving(tool), working(runtime):
        connection = await connect(msp, tool, **fields)
        assert SECRET not in str(connection)
        run = await run_of(msp, connection)
        assert (run["status"], run["error"], run["left_out"]) == ("completed", None, [])
        columns = {"mapping": {"columns": {"udf7": "encryption"}}} if source == "datto" else {}
        sent = expect(await other.post("/fleet-imports", {"source": source, "documents": files, **columns}), 202)

        async def is_there() -> bool:
            return (await other.get_json(f"/fleet-imports/{sent['id']}"))["status"] == "completed"

        await eventually(is_there, "the export is taken in")
        taken = await other.get_json(f"/fleet-imports/{sent['id']}")
        assert run["counts"] == taken["counts"]
        brought = await inventory(msp)
        assert len(brought) == taken["counts"]["created"] > 2
        assert brought == await inventory(other)
        assert run["devices"] == len(tool.devices)
        assert tool.faults == []

        shown = await msp.get_json(f"/rmm-connections/{connection['id']}")
        assert shown["last_error"] is None
        assert shown["last_run_at"] <= shown["last_success_at"] == run["finished_at"]
        [pulled_in] = (await msp.get_json("/fleet-imports", params={"connection_id": connection["id"]}))["data"]
        assert pulled_in["id"] == run["fleet_import_id"]
        kinds = [each["kind"] for each in await msp.all("/events")]
        assert {"rmm_connection.created", "rmm_run.started", "fleet_import.completed", "rmm_run.completed"} <= set(kinds)
        assert SECRET not in str(await msp.all("/audit-log"))

        if source == "ninjaone":
            patched = {each["hostname"]: each["facts"].get("last_patch_on") for each in brought}
            assert {name: day for name, day in patched.items() if day} == {"RF-OP1": "2026-11-18", "RF-OP2": "2026-10-26"}
            [taken_in] = (await msp.get_json(f"/fleet-imports/{pulled_in['id']}"))["imports"]
            rows = await msp.all(f"/imports/{taken_in['import_id']}/rows")
            missing = {each["label"]: [patch["kbNumber"] for patch in each["raw"].get("os-patches", ())] for each in rows}
            assert {name: list_ for name, list_ in missing.items() if list_} == {"RF-OP1": ["KB7", "KB9"], "RF-OP2": ["KB8"]}

        # The same again: all is known.
        again = await run_of(msp, connection)
        assert again["counts"] == {**again["counts"], "created": 0, "updated": 0, "unchanged": taken["counts"]["created"]}
        runs = (await msp.get_json(f"/rmm-connections/{connection['id']}/runs"))["data"]
        assert [each["id"] for each in runs] == [again["id"], run["id"]]


async def test_a_busy_tool_is_asked_again_when_it_says_so(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    tool = FakeNinjaOne()
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    async with serving(tool):
        connection = await connect(msp, tool)
        run_id = await started(msp, connection)
        tool.instead["devices-detailed"] = [lambda: said([*tool.devices[:2]]), lambda: (429, {"retry-after": "1800"}, b"")]
        run = await pulled(runtime, msp, run_id)
        assert (run["status"], run["pages"], run["error"]["code"]) == ("waiting", 1, "busy")
        waits = datetime.fromisoformat(run["resume_at"]) - now()
        assert timedelta(minutes=29) < waits <= timedelta(minutes=30)
        tool.instead["antivirus"] = [lambda: (429, {"retry-after": in_an_hour}, b"slow down")]
        asked = len(tool.asked)
        run = await pulled(runtime, msp, run_id)
        assert timedelta(minutes=59) < datetime.fromisoformat(run["resume_at"]) - now() <= timedelta(hours=1)
        assert "/v2/devices-detailed?pageSize=2" not in tool.asked[asked:], "it goes on where it was"
        refused = await msp.post(f"/rmm-connections/{connection['id']}/runs")
        assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[-1]) == (409, "under-way")
        assert (await pulled(runtime, msp, run_id))["status"] == "importing"
        await pulled(runtime, msp, run_id)
        assert len((await msp.get_json("/fleet-imports"))["data"]) == 1, "a job that runs twice does nothing the second time"


async def test_a_token_that_runs_out_is_renewed_and_a_forgotten_cursor_begins_anew(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    tool = FakeNinjaOne()

    def run_out() -> Sent:
        tool.tokens.clear()
        return said({"resultCode": "UNAUTHORIZED"}, 401)

    async with serving(tool):
        run_id = await started(msp, await connect(msp, tool))
        tool.instead["devices-detailed"] = [lambda: said(tool.devices[:2]), run_out]
        answers = [lambda: said({"cursor": {"name": "gone"}, "results": tool.queries["volumes"][:2]}), lambda: said({}, 404)]
        tool.instead["volumes"] = list[Any](answers)
        run = await pulled(runtime, msp, run_id)
        assert (run["status"], run["error"]["code"], run["pages"]) == ("waiting", "expired", 0)
        run = await pulled(runtime, msp, run_id)
        assert (run["status"], run["devices"]) == ("importing", len(tool.devices))
        assert tool.faults == []


async def test_a_query_that_is_not_allowed_costs_its_part_and_the_run_says_so(
    house: House, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    msp = await house.tenant()
    await msp.make(
        "/rmm-sites", {"source": "ninjaone", "organization_id": await house.organization(msp), "company": "Example Dental"}
    )
    tool = FakeNinjaOne()
    forbidden = said({"resultCode": "FORBIDDEN"}, 403)
    async with serving(tool), working(runtime):
        connection = await connect(msp, tool)
        await run_of(msp, connection)
        before = await inventory(msp)
        tool.instead["queries/volumes"] = [lambda: forbidden] * 2
        tool.instead["queries/os-patches"] = [lambda: said({"resultCode": "NOT_FOUND"}, 404)]
        run = await run_of(msp, connection)
        assert [(each["part"], each["code"]) for each in run["left_out"]] == [
            ("volumes", "credentials"),
            ("os-patches", "gone"),
        ]
        assert "403" in run["left_out"][0]["detail"]
        assert (run["status"], run["error"]) == ("completed", None)
        assert run["counts"]["unchanged"] == len(before), "what the volumes said before is not forgotten"
        assert await inventory(msp) == before
        told = [each for each in await msp.all("/events") if each["kind"] == "rmm_run.completed"][-1]
        assert (told["subject"]["id"], "left_out" in told["changed"]) == (run["id"], True)

        # A part that outgrows an import is left out too; the devices cannot be.
        monkeypatch.setattr(pulling, "LARGEST_FILE", len(str(tool.devices)) * 2)
        tool.queries["os-patches"] *= 200
        monkeypatch.setattr(ninjaone, "ROWS_AT_ONCE", 1000)
        run = await run_of(msp, connection)
        assert (run["status"], [(each["part"], each["code"]) for each in run["left_out"]]) == (
            "completed",
            [("os-patches", "too_large")],
        )
        monkeypatch.setattr(pulling, "LARGEST_FILE", 100)
        assert (await run_of(msp, connection))["error"]["code"] == "too_large"

        # Credentials that are taken back in the middle are no matter of one query.
        tool.instead["queries/volumes"] = [lambda: forbidden] * 2
        tool.instead["oauth/token"] = [tool.a_token, tool.a_token, lambda: said({"error": "invalid_client"}, 401)]
        run = await run_of(msp, connection)
        assert (run["status"], run["error"]["code"]) == ("failed", "credentials")


@pytest.mark.parametrize(
    ("answers", "code", "words"),
    [
        ([HTML] * 3, "unreachable", "a web page"),
        ([CUT] * 3, "unreachable", "only the beginning"),
        ([(503, {"retry-after": "0"}, b"")] * 3, "unreachable", "503"),
        ([hung_up] * 3, "unreachable", "broke off"),
        ([(200, JSON, b'{"devices": "none"}')], "wrong_answer", "list of devices"),
        ([(200, JSON, b'[{"id": "three"}]')], "wrong_answer", "does not go on"),
        ([(400, JSON, b'{"error": "bad_request"}')], "refused", '400: {"error": "bad_request"'),
    ],
    ids=["html", "cut", "503", "hung up", "wrong shape", "ids", "refused"],
)
async def test_half_an_answer_leaves_nothing_behind(
    house: House, runtime: Runtime, answers: list[Any], code: str, words: str
) -> None:
    msp = await house.tenant()
    tool = FakeNinjaOne()
    async with serving(tool):
        connection = await connect(msp, tool)
        run_id = await started(msp, connection)
        tool.instead["devices-detailed"] = [lambda: said(tool.devices[:2]), *map(answering, answers)]
        run = await pulled(runtime, msp, run_id, times=len(answers))
    assert (run["status"], run["error"]["code"], run["fleet_import_id"]) == ("failed", code, None)
    assert words in run["error"]["detail"]
    assert "maintenance" not in run["error"]["detail"], "a page is not repeated"
    assert await msp.all("/devices") == await msp.all("/rmm-sites") == await msp.all("/fleet-imports") == []
    shown = await msp.get_json(f"/rmm-connections/{connection['id']}")
    assert shown["last_error"] == {**run["error"], "at": run["finished_at"]}
    assert shown["last_success_at"] is None
    assert shown["enabled"] is True
    async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        assert await (await session.driver()).fetchval("select count(*) from import_file") == 0


async def test_no_next_page_on_another_host_and_no_silent_gap(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    elsewhere = FakeDatto()
    tool = FakeDatto()
    async with serving(tool), serving(elsewhere):
        connection = await connect(msp, tool)
        tool.elsewhere = elsewhere.url
        run = await pulled(runtime, msp, await started(msp, connection))
        assert (run["status"], run["error"]["code"]) == ("failed", "wrong_answer")
        assert elsewhere.asked == [], "our token goes to nobody else"
        tool.elsewhere, tool.kept_back = None, 1
        run = await pulled(runtime, msp, await started(msp, connection))
        assert "5 devices and listed only 4" in run["error"]["detail"]
        tool.devices.clear()
        tool.kept_back = 0
        run = await pulled(runtime, msp, await started(msp, connection))
        assert run["error"]["code"] == "no_devices", "an empty account would mark everything as gone"


async def test_refused_credentials_switch_off_what_keeps_trying(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    tool = FakeNinjaOne(secret="another one")
    async with serving(tool):
        connection = await connect(msp, tool)
        path = f"/rmm-connections/{connection['id']}"
        for _ in range(3):
            run = await pulled(runtime, msp, await started(msp, connection))
            assert run["error"] == {"code": "credentials", "detail": "It answered 400 (invalid_client)."}
        shown = await msp.get_json(path)
        assert (shown["enabled"], shown["disabled_reason"]) == (False, "credentials")
        assert (await msp.post(f"{path}/runs")).status_code == 409
        assert (await msp.all("/events"))[-1]["kind"] == "rmm_connection.disabled"
        letters = await letters_to(runtime, msp.email, tenant_id=msp.tenant_id)
        assert len([each for each in letters if connection["id"] in each]) == 1
        tool.secret = "changed there"
        mended = {"credentials": {"client_id": "bitewing", "client_secret": tool.secret}, "enabled": True}
        assert expect(await msp.patch(path, mended), 200)["disabled_reason"] is None
        assert (await pulled(runtime, msp, await started(msp, connection)))["status"] == "importing"


async def test_a_schedule_starts_one_run_and_no_second_beside_it(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    tool = FakeNinjaOne()
    async with serving(tool):
        connection = await connect(msp, tool, every_minutes=60)
        path = f"/rmm-connections/{connection['id']}"
        await pulling.sweep(runtime)
        await pulling.sweep(runtime)
        [run] = (await msp.get_json(f"{path}/runs"))["data"]
        assert (run["scheduled"], run["made_by"], run["status"]) == (True, None, "queued")
        shown = await msp.get_json(path)
        assert timedelta(minutes=59) < datetime.fromisoformat(shown["next_run_at"]) - now() <= timedelta(minutes=60)
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            row = await session.fetch(RmmConnection, UUID(connection["id"]))
            row.next_run_at = now() - timedelta(minutes=1)
        await pulling.sweep(runtime)
        assert len((await msp.get_json(f"{path}/runs"))["data"]) == 1, "the first one is not over"
        async with working(runtime):
            assert (await over(msp, run["id"]))["status"] == "completed"
        daily = expect(await msp.patch(path, {"every_minutes": None, "daily_at": "03:30", "timezone": "America/Chicago"}), 200)
        at = datetime.fromisoformat(daily["next_run_at"])
        assert now() < at <= now() + timedelta(hours=25)
        assert at.minute == 30
        assert expect(await msp.patch(path, {"enabled": False}), 200)["next_run_at"] is not None
    async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        assert (await session.fetch(RmmRun, UUID(run["id"]))).options == {}


async def test_a_run_ends_with_its_connection(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    tool = FakeNinjaOne()
    async with serving(tool):
        connection = await connect(msp, tool)
        run_id = await started(msp, connection)
        assert (await msp.delete(f"/rmm-connections/{connection['id']}")).status_code == 204
        run = await pulled(runtime, msp, run_id)
        assert (run["status"], run["error"]["code"]) == ("failed", "switched_off")
        assert tool.asked == []
    async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        assert (await session.fetch(RmmConnection, UUID(connection["id"]))).sealed_credentials is None


async def test_what_makes_no_sense_is_refused(house: House) -> None:
    msp = await house.tenant()
    right = {"name": "RMM", "product": "datto", "base_url": "https://pinotage-api.centrastage.net"}
    right |= {"credentials": {"api_key": "k", "api_secret": "s"}}
    for wrong, pointer in (
        ({"product": "teamviewer"}, "/product"),
        ({"base_url": "https://10.0.0.1"}, "/base_url"),
        ({"credentials": {"api_key": "k"}}, "/credentials/api_secret"),
        ({"settings": {"encryption_field": "udf31"}}, "/settings/encryption_field"),
        ({"every_minutes": 60, "daily_at": "03:00"}, "/daily_at"),
        ({"every_minutes": 5}, "/every_minutes"),
        ({"daily_at": "25:00"}, "/daily_at"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
    ):
        refused = expect(await msp.post("/rmm-connections", {**right, **wrong}), 422)
        assert [each["pointer"] for each in refused["errors"]] == [pointer]
    made = await msp.make("/rmm-connections", right)
    refused = expect(await msp.patch(f"/rmm-connections/{made['id']}", {"base_url": "https://evil.example.com"}), 422)
    assert [each["pointer"] for each in refused["errors"]] == ["/credentials"], "they go to no host they were not said for"
    technician = await house.member(msp, Role.technician)
    assert (await technician.post("/rmm-connections", right)).status_code == 403
    assert (await technician.get_json("/rmm-connections"))["data"][0]["id"] == made["id"]
    products = {each["product"]: each for each in (await technician.get_json("/rmm-products"))["data"]}
    assert products.keys() == {"datto", "ninjaone"}
    assert products["datto"]["credentials"]["required"] == ["api_key", "api_secret"]
