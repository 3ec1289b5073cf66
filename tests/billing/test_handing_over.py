"""A practice goes to another tenant with everything that is its own: when both agree, whole or not at all, and seen by both."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from billing import handing_over
from billing.plans import price_list
from billing.prices import remainder, year_of
from domain.access import Role
from domain.clock import new_id, today
from domain.jobs import CLEAR_OUT, FAN_OUT
from domain.people.clearing_out import clear_out, clear_out_for_good
from domain.runtime import Targets
from domain.sra.report_files import render_report
from domain.tables import metadata
from tests.api.v1.test_second_year import sealed
from tests.billing.calendar import Calendar
from tests.house.full import build
from tests.makers import (
    Caller,
    House,
    expect,
    make_api_key,
    make_device,
    make_document,
    make_engagement,
    make_vendor,
    make_webhook_endpoint,
)

PROJECT = Path(__file__).parents[2]
STAYS = {"subscription": "what was paid for here stays in these books"}
"""Tables of which every row belongs to one organization, and that do not go with it."""
OURS_TO_JUDGE = {
    "event": "the audit trail is the tenant's, and append-only",
    "delivery": "what a webhook of the tenant was sent",
    "mail": "letters of the tenant's",
    "billing_account": "the tenant's books",
    "invoice": "the tenant's books",
    "invoice_reminder": "the tenant's books",
    "charge": "the tenant's books",
    "payment": "the tenant's books",
    "quote": "the tenant's books",
    "rmm_site": "a mapping of the tenant's tool; it is unmapped",
    "transfer": "each side has its own",
}
"""Tables that may name an organization. Whoever adds one says here what becomes of its rows."""


@dataclass(frozen=True)
class Sides:
    house: House
    giver: Caller
    receiver: Caller
    eyes: "asyncpg.Connection[asyncpg.Record]"

    async def agreed(self, practice: str, *, paid_by: str = "msp") -> dict[str, Any]:
        code = (await self.receiver.make("/transfers", None))["code"]
        asked = await self.giver.make(f"/organizations/{practice}/transfer", {"code": code, "reason": "It was sold."})
        path = f"/transfers/{asked['id']}/acceptance"
        return expect(await self.receiver.post(path, {"paid_by": paid_by}), 202)

    def job(self, transfer: Mapping[str, Any]) -> dict[str, str]:
        sides = {"tenant_id": str(self.receiver.tenant_id), "from_tenant_id": str(self.giver.tenant_id)}
        return {**sides, "transfer_id": transfer["id"]}

    async def hand_over(self, practice: str, **said: Any) -> dict[str, Any]:
        transfer = await self.agreed(practice, **said)
        await handing_over.hand_over(self.house.runtime, self.job(transfer))
        return await self.receiver.get_json(f"/transfers/{transfer['id']}")

    async def rows(self, tenant: Caller, practice: str) -> dict[str, dict[str, Any]]:
        """Every row of the organization, by table and id, as the superuser sees it."""
        found: dict[str, dict[str, Any]] = {}
        for name, _ in await self.eyes.fetch("select name, ends from tables_of_a_practice()"):
            rows = await self.eyes.fetch(
                f"select id, to_jsonb(t) - 'tenant_id' as said from {name} t where tenant_id = $1 and organization_id = $2",
                tenant.tenant_id,
                UUID(practice),
            )
            found[name] = {str(row["id"]): json.loads(row["said"]) for row in rows}
        return found


@pytest_asyncio.fixture
async def eyes(targets: Targets) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    assert targets.superuser is not None
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**targets.superuser)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def sides(house: House, eyes: "asyncpg.Connection[asyncpg.Record]") -> Sides:
    return Sides(house, await house.tenant("Giver"), await house.tenant("Receiver"), eyes)


async def test_every_table_that_names_an_organization_is_handled(sides: Sides) -> None:
    placed = {row["name"] for row in await sides.eyes.fetch("select name from tables_of_a_practice()")}
    named = {table.name: table for table in metadata.sorted_tables if "organization_id" in table.c}
    assert {name for name, table in named.items() if not table.c.organization_id.nullable} == placed | STAYS.keys()
    assert {name for name, table in named.items() if table.c.organization_id.nullable} == OURS_TO_JUDGE.keys()


async def test_everything_moves_with_its_ids_and_the_seal_still_holds(sides: Sides) -> None:
    full = await build(sides.house, f"moving{new_id().hex[-8:]}")
    sides = Sides(sides.house, full.owner, sides.receiver, sides.eyes)
    giver, receiver, practice = sides.giver, sides.receiver, full.organization
    await make_webhook_endpoint(receiver)
    before = await sides.rows(giver, practice)
    ends = {row["name"] for row in await sides.eyes.fetch("select name from tables_of_a_practice() where ends")}
    assert ends == {"grouped_organization", "ticket", "ticket_change", "ticket_comment", "ticket_mapping"}
    assert {name for name, rows in before.items() if not rows} <= {
        "change_watch", "clock_notice", "baa_reminder", "staleness", "disposal", "ticket_change", "ticket_comment",
        "engagement_standing",
    }, "of everything else there is one to move"  # fmt: skip

    problem = expect(await giver.post(f"/organizations/{practice}/transfer", {"code": "bwt_x_y"}), 409)
    assert problem["type"].endswith("/invoice-open"), "the practice pays for itself since its quote"
    for invoice in await giver.all("/invoices"):
        if invoice["organization_id"] == practice:
            await giver.make(f"/invoices/{invoice['id']}/payment", {})
    moved = await sides.hand_over(practice)
    assert (moved["status"], moved["direction"]) == ("moved", "incoming")
    assert moved["counts"]["device"] == len(before["device"])

    after = await sides.rows(receiver, practice)
    for name in before.keys() - ends - {"portfolio_line"}:
        assert before[name].keys() <= after[name].keys(), name
        assert len(after[name]) - len(before[name]) == (name == "document"), (
            f"{name}: the trail of the time before, and nothing else"
        )
        for identifier, row in before[name].items():
            assert _settled(after[name][identifier]) == _settled(row), name
    left = await sides.rows(giver, practice)
    assert {name for name, rows in left.items() if rows} == {"portfolio_line"}, "of the row that says where it went"

    assert len(await receiver.all(f"/organizations/{practice}/devices")) == len(await giver_devices(before))
    document = full.ids["document_id"]
    assert (await receiver.get(f"/documents/{document}/content")).content == b"Kept as evidence.\n"
    assert (await giver.get(f"/documents/{document}")).status_code == 404
    comments = await receiver.all(f"/tasks/{full.ids['task_id']}/comments")
    [wrote] = {each["author_id"] for each in comments}
    assert wrote == str(giver.member_id), "who wrote it is still known, by a seat that is over"
    assert wrote not in {each["id"] for each in await receiver.all("/members")}
    assert (await receiver.get_json(f"/tasks/{full.ids['task_id']}"))["assignee_id"] is None

    stub = await giver.get_json(f"/organizations/{practice}")
    assert stub["archived_at"] and stub["transferred_at"] and stub["transferred_to"].startswith("Receiver")
    assert (stub["facts"], stub["contact_email"], stub["security_official"]) == ({}, None, None)
    problem = expect(await giver.get(f"/organizations/{practice}/devices"), 409)
    assert problem["type"].endswith("/transferred")
    expect(await giver.post(f"/organizations/{practice}/devices", {"name": "PC", "kind": "server"}), 409)
    assert practice not in {each["id"] for each in await giver.all("/organizations")}
    assert (await giver.get(f"/assessments/{full.ids['assessment_id']}")).status_code == 404
    respondent = Caller(sides.house.http, full.owner.link_token, giver.tenant_id, giver.member_id)
    assert (await respondent.get("/respondent")).status_code == 404, "links end"
    [site] = [each for each in await giver.all("/rmm-sites") if each["id"] == full.ids["rmm_site_id"]]
    assert (site["organization_id"], site["location_id"]) == (None, None)

    for side, kind in ((giver, "organization.transferred_out"), (receiver, "organization.transferred_in")):
        [told] = await trail(side, kind)
        assert told["subject_id"] == practice and told["changes"]["counts"]["device"] == len(before["device"])
        assert (await side.get_json("/audit-log/verification"))["intact"] is True
    assert str(giver.member_id) not in json.dumps(told), "of the giver's people the receiver's trail names none"


async def trail(side: Caller, kind: str) -> list[dict[str, Any]]:
    return (await side.get_json("/audit-log", params={"kind": kind}))["data"]


async def giver_devices(before: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    return [each for each in before["device"].values() if each["archived_at"] is None]


def _settled(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what cannot be the same with another tenant: the folder of its file, and duties of the giver's people."""
    own = {"fleet_import_id", "assignee_id"}
    said = {name: value for name, value in row.items() if name not in own}
    if said.get("storage_key"):
        said["storage_key"] = said["storage_key"].partition("/")[2]
    return said


async def test_a_sealed_analysis_keeps_its_hash_its_report_and_its_history(sides: Sides) -> None:
    giver, receiver = sides.giver, sides.receiver
    practice = await sides.house.organization(giver, ref="client-7")
    vendor = (await make_vendor(giver, name="Cloud archive"))["id"]
    await make_engagement(giver, practice, vendor)
    named_by_a_fact = (await make_vendor(giver, name="Sensor maker"))["id"]
    await make_device(giver, practice, facts={"vendor": named_by_a_fact})
    await sides.house.organization(receiver, ref="client-7")
    assessment = await sealed(sides.house, giver, practice)
    topic = (await giver.get_json(f"/assessments/{assessment}/topics", params={"limit": 1}))["data"][0]["id"]
    history = await giver.get_json(f"/assessments/{assessment}/answers/{topic}/history")
    await render_report(sides.house.runtime, {"tenant_id": str(giver.tenant_id), "assessment_id": assessment})
    hash_there = (await giver.get_json(f"/assessments/{assessment}/verification"))["sealed_sha256"]
    report = (await giver.get(f"/assessments/{assessment}/report", headers={"Accept": "application/pdf"})).content

    await sides.hand_over(practice)
    verified = await receiver.get_json(f"/assessments/{assessment}/verification")
    assert (verified["intact"], verified["sealed_sha256"], verified["computed_sha256"]) == (True, hash_there, hash_there)
    here = await receiver.get(f"/assessments/{assessment}/report", headers={"Accept": "application/pdf"})
    assert here.content == report
    assert await receiver.get_json(f"/assessments/{assessment}/answers/{topic}/history") == history
    assert {each["id"] for each in await receiver.all("/vendors")} == {vendor, named_by_a_fact}
    assert (await receiver.get_json(f"/organizations/{practice}"))["ref"] is None, "the receiver has that one already"
    assert (await receiver.get_json(f"/assessments/{assessment}/staleness"))["causes"] == []
    superuser_may_not = "update assessment set title = 'x' where id = $1"
    with pytest.raises(asyncpg.RestrictViolationError):
        await sides.eyes.execute(superuser_may_not, UUID(assessment))
    with pytest.raises(asyncpg.RestrictViolationError):
        await sides.eyes.execute("delete from answer where assessment_id = $1", UUID(assessment))


async def test_nothing_moves_before_both_have_agreed(sides: Sides, targets: Targets) -> None:
    giver, receiver = sides.giver, sides.receiver
    practice = await sides.house.organization(giver)
    stranger = await sides.house.tenant()
    made = await receiver.make("/transfers", None)
    code, transfer = made["code"], made["transfer"]["id"]
    administrator = await sides.house.member(giver, Role.admin)
    assert (await administrator.post(f"/organizations/{practice}/transfer", {"code": code})).status_code == 403
    for wrong in (code[:-1] + "~", f"bwt_{receiver.tenant_id.hex}_", "none"):
        expect(await giver.post(f"/organizations/{practice}/transfer", {"code": wrong}), 422)
    expect(await receiver.post(f"/transfers/{transfer}/acceptance", {}), 409)
    asked = await giver.make(f"/organizations/{practice}/transfer", {"code": code})
    assert (asked["id"], asked["status"], asked["direction"]) == (transfer, "requested", "outgoing")
    expect(await giver.post(f"/organizations/{practice}/transfer", {"code": code}), 422)
    expect(await giver.post(f"/transfers/{transfer}/acceptance", {}), 409)
    for path in (f"/transfers/{transfer}", f"/organizations/{practice}"):
        assert (await stranger.get(path)).status_code == 404
    assert (await receiver.get(f"/organizations/{practice}")).status_code == 404
    shown = await receiver.get_json(f"/transfers/{transfer}")
    assert shown["other_tenant_name"].startswith("Giver") and shown["agreed_at"] is None

    # Not even the application's own role can, on a bare connection and with the giver's wall.
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**targets.app)
    for setting, other in ((giver, receiver), (receiver, giver), (stranger, giver)):
        await connection.execute("select set_config('app.tenant_id', $1, false)", str(setting.tenant_id))
        await connection.execute("select set_config('app.organization_ids', '', false)")
        move = "select transfer_move($1, $2, '{}', '[]')"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="agreed"):
            await connection.execute(move, other.tenant_id, UUID(transfer))
    with pytest.raises(asyncpg.RestrictViolationError):
        await connection.execute("select transfer_tell($1, $2, 'accepted', null, '[]')", giver.tenant_id, UUID(transfer))
    await connection.close()

    await receiver.make(f"/transfers/{transfer}/refusal", None)
    assert (await giver.get_json(f"/transfers/{transfer}"))["status"] == "declined"
    expect(await giver.post(f"/transfers/{transfer}/refusal"), 409)
    again = await sides.receiver.make("/transfers", None)
    asked = await giver.make(f"/organizations/{practice}/transfer", {"code": again["code"]})
    await giver.make(f"/transfers/{asked['id']}/refusal", None)
    problem = expect(await receiver.post(f"/transfers/{asked['id']}/acceptance", {}), 409)
    assert problem["type"].endswith("/is-withdrawn")
    assert [each["kind"] for each in await receiver.all("/events") if each["subject"]["type"] == "transfer"] == [
        "transfer.offered", "transfer.requested", "transfer.declined", "transfer.offered", "transfer.requested",
        "transfer.withdrawn",
    ]  # fmt: skip


async def test_it_comes_back_and_a_seat_and_a_key_for_it_alone_have_ended(sides: Sides) -> None:
    giver, receiver = sides.giver, sides.receiver
    practice = await sides.house.organization(giver, name="To and fro")
    chief = await sides.house.member(giver, Role.practice_admin, organizations=[practice])
    key = await make_api_key(giver, organization_ids=[practice])
    document = (await make_document(giver, practice))["id"]
    device = (await make_device(giver, practice))["id"]
    await sides.hand_over(practice)
    assert (await chief.get("/me")).status_code == 401
    ended = Caller(sides.house.http, key["key"], giver.tenant_id, giver.member_id)
    assert (await ended.get("/devices")).status_code == 401

    back = Sides(sides.house, receiver, giver, sides.eyes)
    await back.hand_over(practice)
    shown = await giver.get_json(f"/organizations/{practice}")
    assert (shown["archived_at"], shown["transferred_at"], shown["name"]) == (None, None, "To and fro")
    assert [each["id"] for each in await giver.all(f"/organizations/{practice}/devices")] == [device]
    assert (await giver.get(f"/documents/{document}/content")).status_code == 200
    assert (await receiver.get_json(f"/organizations/{practice}"))["transferred_to"].startswith("Giver")


async def test_who_is_paid_for_is_credited_here_and_charged_there_to_the_day(sides: Sides, calendar: Calendar) -> None:
    giver, receiver = sides.giver, sides.receiver
    practice, stays = await sides.house.organization(giver), await sides.house.organization(giver)
    others = await sides.house.organization(receiver)
    for side, organization in ((giver, practice), (giver, stays), (receiver, others)):
        await side.make(f"/organizations/{organization}/subscription", {})
    calendar.turn_to(calendar.day + timedelta(days=price_list().trial_days + 1))
    await calendar.close_books(giver, receiver)
    for side in (giver, receiver):
        [invoice] = await side.all("/invoices")
        await side.make(f"/invoices/{invoice['id']}/payment", {})
    began = calendar.day
    calendar.turn_to(began + timedelta(days=100))
    quote = await giver.make("/quotes", {"organization_id": practice, "locations": 2})
    await sides.hand_over(practice)
    rest = remainder(49_900, year_of(began, calendar.day), calendar.day)
    for side, sign in ((giver, -1), (receiver, 1)):
        waiting = await sides.eyes.fetch(
            "select amount_cents from charge where tenant_id = $1 and organization_id = $2 and invoice_id is null",
            side.tenant_id,
            UUID(practice),
        )
        assert [row["amount_cents"] for row in waiting] == [sign * rest]
    old = await giver.get_json(f"/organizations/{practice}/subscription")
    assert (old["state"], old["ended_on"]) == ("canceled", calendar.day.isoformat())
    new = await receiver.get_json(f"/organizations/{practice}/subscription")
    assert (new["state"], new["access"], new["paid_by"]) == ("active", "full", "msp")
    assert (await giver.get_json(f"/quotes/{quote['id']}"))["status"] == "void"
    assert len(await giver.all("/invoices")) == 1


async def test_who_pays_for_itself_takes_its_year_along(sides: Sides, calendar: Calendar) -> None:
    giver, receiver = sides.giver, sides.receiver
    practice = await sides.house.organization(giver)
    await giver.make(f"/organizations/{practice}/subscription", {"paid_by": "practice", "locations": 2})
    calendar.turn_to(calendar.day + timedelta(days=price_list().trial_days + 1))
    await calendar.close_books(giver)
    [invoice] = await giver.all("/invoices")
    await giver.make(f"/invoices/{invoice['id']}/payment", {})
    began = calendar.day
    calendar.turn_to(began + timedelta(days=200))
    before = await giver.get_json(f"/organizations/{practice}/subscription")
    await sides.hand_over(practice, paid_by="msp")
    after = await receiver.get_json(f"/organizations/{practice}/subscription")
    same = ("plan", "locations", "rate_cents", "paid_by", "state", "period_start", "period_end", "paid_until", "covered_until")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert await receiver.all("/invoices") == []
    calendar.turn_to(date.fromisoformat(after["period_end"]))
    await calendar.close_books(giver, receiver)
    [renewal] = await receiver.all("/invoices")
    assert (renewal["total_cents"], renewal["organization_id"]) == (2 * 44_900, practice)
    assert len(await giver.all("/invoices")) == 1


@pytest.mark.parametrize("deadly", ["carried", "moved", "committed", "settled"])
async def test_killed_at_any_point_it_is_before_or_after_and_is_finished_later(
    sides: Sides, targets: Targets, deadly: str
) -> None:
    giver, receiver = sides.giver, sides.receiver
    practice = await sides.house.organization(giver)
    await giver.make(f"/organizations/{practice}/subscription", {})
    await make_document(giver, practice)
    for _ in range(3):
        await make_device(giver, practice)
    before = await sides.rows(giver, practice)
    transfer = await sides.agreed(practice)
    said = {"data_dir": str(sides.house.runtime.settings.data_dir)}
    arguments = [json.dumps(each) for each in (dict(targets.app), said, sides.job(transfer))]
    command = (sys.executable, "-m", "tests.billing.hand_over_that_dies", deadly, *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT)
    assert await asyncio.wait_for(process.wait(), 60) == -9
    there, here = await sides.rows(giver, practice), await sides.rows(receiver, practice)
    if deadly in {"carried", "moved"}:
        assert there == before and not any(here.values())
        assert (await giver.get_json(f"/organizations/{practice}"))["transferred_at"] is None
    else:
        assert here["device"].keys() == before["device"].keys() and not there["device"]
    await handing_over.hand_over(sides.house.runtime, sides.job(transfer))
    await handing_over.hand_over(sides.house.runtime, sides.job(transfer))
    assert len(await receiver.all(f"/organizations/{practice}/devices")) == 3
    assert len(await trail(receiver, "subscription.created")) == 1
    assert (await receiver.get_json(f"/transfers/{transfer['id']}"))["finished_at"]
    assert len(await letters(sides, receiver)) == len(await letters(sides, giver)) == 1
    documents = await receiver.all(f"/organizations/{practice}/documents")
    [kept] = [each for each in documents if each["filename"] == "audit-trail.txt"]
    lines = (await receiver.get(f"/documents/{kept['id']}/content")).text.splitlines()
    told = [json.loads(each)["kind"] for each in lines]
    assert (told.count("device.created"), told[-1]) == (3, "organization.transferred_out")
    assert "subscription.created" not in told, "the giver's business stays the giver's"


async def letters(sides: Sides, side: Caller) -> list[Any]:
    statement = "select subject from mail where tenant_id = $1 and key like 'transfer:%'"
    return await sides.eyes.fetch(statement, side.tenant_id)


async def test_the_files_leave_the_givers_folder_and_what_it_still_names_stays(sides: Sides, calendar: Calendar) -> None:
    giver, receiver = sides.giver, sides.receiver
    practice, other = [await sides.house.organization(giver) for _ in range(2)]
    went = await make_document(giver, practice, content=b"Only here.\n")
    shared = await make_document(giver, practice, content=b"In both.\n")
    stays = await make_document(giver, other, content=b"In both.\n")
    transfer = await sides.hand_over(practice)
    files = sides.house.runtime.settings.data_dir / "files"

    def at(side: Caller, document: Mapping[str, Any]) -> Path:
        return files / str(side.tenant_id) / document["sha256"][:2] / document["sha256"]

    def places() -> list[bool]:
        return [at(side, each).exists() for side in (giver, receiver) for each in (went, shared)]

    job = {"tenant_id": str(giver.tenant_id), "transfer_id": transfer["id"]}
    at(receiver, went).unlink()  # one content may be one file with two names
    at(receiver, went).write_bytes(b"Damaged on the way.\n")
    for _ in range(2):
        await clear_out(sides.house.runtime, job)
    assert places() == [False, True, True, True]
    assert (await receiver.get(f"/documents/{went['id']}/content")).content == b"Only here.\n", "the copy was made whole first"
    assert (await giver.get_json(f"/transfers/{transfer['id']}"))["finished_at"] is None, "it is looked at once more"
    at(giver, shared).unlink()
    calendar.turn_to(today() + timedelta(days=1))
    await clear_out_for_good(sides.house.runtime)
    assert await _queued(sides, CLEAR_OUT, of=giver) == 2, "with the move, and for the last look"
    await clear_out(sides.house.runtime, job)
    assert places() == [False, True, True, True]
    assert (await giver.get(f"/documents/{stays['id']}/content")).content == b"In both.\n", "what it names was brought back"
    assert (await giver.get_json(f"/transfers/{transfer['id']}"))["finished_at"]


async def test_it_is_stopped_where_it_cannot_be_and_both_read_why(sides: Sides, calendar: Calendar) -> None:
    giver, receiver = sides.giver, sides.receiver
    practice = await sides.house.organization(giver)
    await giver.make(f"/organizations/{practice}/subscription", {"paid_by": "practice"})
    transfer = await sides.agreed(practice)
    calendar.turn_to(calendar.day + timedelta(days=price_list().trial_days + 1))
    await calendar.close_books(giver)
    await handing_over.hand_over(sides.house.runtime, sides.job(transfer))
    for side in (giver, receiver):
        shown = await side.get_json(f"/transfers/{transfer['id']}")
        assert shown["status"] == "stopped" and "invoice" in shown["problem"]
    assert (await giver.get_json(f"/organizations/{practice}/subscription"))["state"] == "active"


async def test_the_other_sides_webhooks_hear_of_it_and_what_is_stuck_is_taken_up(sides: Sides, calendar: Calendar) -> None:
    await make_webhook_endpoint(sides.receiver)
    practice = await sides.house.organization(sides.giver)
    code = (await sides.receiver.make("/transfers", None))["code"]
    heard = await _queued(sides, FAN_OUT)
    transfer = await sides.giver.make(f"/organizations/{practice}/transfer", {"code": code})
    assert await _queued(sides, FAN_OUT) == heard + 1, "of what the other side did"
    expect(await sides.receiver.post(f"/transfers/{transfer['id']}/acceptance", {}), 202)
    await sides.eyes.execute("delete from pgqueuer where entrypoint = $1", handing_over.HAND_OVER)
    calendar.turn_to(calendar.day + timedelta(days=1))
    for _ in range(2):
        await handing_over.hand_over_what_is_stuck(sides.house.runtime)
    assert await _queued(sides, handing_over.HAND_OVER) == 1
    await handing_over.hand_over(sides.house.runtime, sides.job(transfer))
    await sides.eyes.execute("delete from pgqueuer where entrypoint = $1", handing_over.HAND_OVER)
    await handing_over.hand_over_what_is_stuck(sides.house.runtime)
    assert await _queued(sides, handing_over.HAND_OVER) == 0


async def _queued(sides: Sides, job: str, *, of: Caller | None = None) -> int:
    statement = "select payload from pgqueuer where entrypoint = $1 and status = 'queued'"
    payloads = [json.loads(row["payload"]) for row in await sides.eyes.fetch(statement, job)]
    return sum(payload["tenant_id"] == str((of or sides.receiver).tenant_id) for payload in payloads)
