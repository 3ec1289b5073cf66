"""The access rule over HTTP: what money stops, what it never stops, and how a refusal says what would mend it."""

from datetime import timedelta
from typing import Any

from billing.plans import price_list
from domain.access import Role
from domain.database import tenant_session
from domain.people.tenants import own
from domain.tenancy import SYSTEM, Wall
from tests.api.v1.test_second_year import ready_to_sign
from tests.billing.calendar import Calendar
from tests.makers import (
    Caller,
    House,
    expect,
    make_assessment,
    make_device,
    make_document,
    make_finding,
    make_import,
    make_task,
    sign,
)

TRIAL = timedelta(days=price_list().trial_days)
DAY = timedelta(days=1)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def refused(by: Caller, path: str, body: Any = None) -> dict[str, Any]:
    """The 402, whose link must lead somewhere."""
    problem = expect(await by.post(path, body if body is not None else {}), 402)
    assert problem["type"].startswith("https://")
    method, href = problem["mend"]["method"], problem["mend"]["href"]
    assert "/v1/" in href
    if method == "GET":
        expect(await by.get(href.split("/v1")[1]), 200)
    return problem


async def test_a_new_tenant_may_do_everything_while_its_trial_runs(house: House, calendar: Calendar) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    account = await msp.get_json("/billing/account")
    assert account["trial_until"] == (calendar.day + TRIAL).isoformat()
    calendar.turn_to(calendar.day + TRIAL)
    await make_assessment(msp, practice)
    await house.organization(msp)


async def test_after_the_trial_nothing_new_begins_and_nothing_is_taken_away(house: House, calendar: Calendar) -> None:
    msp = await house.tenant()
    practice, begun = await house.organization(msp), await house.organization(msp)
    document = await make_document(msp, practice)
    assessment = (await make_assessment(msp, begun))["id"]
    calendar.turn_to(calendar.day + TRIAL + DAY)

    problem = await refused(msp, f"/organizations/{practice}/assessments")
    assert (problem["type"].rsplit("/", 1)[-1], problem["access"]) == ("payment-required", "closed")
    assert (problem["plan"], problem["state"]) == (None, None)
    assert problem["mend"] == {
        "method": "POST",
        "href": f"{msp_base(problem)}/organizations/{practice}/subscription",
    }
    problem = await refused(msp, "/organizations", {"name": "One more"})
    assert problem["type"].endswith("/trial-over")

    await make_device(msp, practice)
    await make_import(msp, practice)
    await make_task(msp, practice)
    await make_finding(msp, begun)
    assert (await msp.get(f"/documents/{document['id']}/content")).status_code == 200
    assert (await msp.get(f"/assessments/{assessment}/report", headers={"Accept": "text/html"})).status_code == 200
    topic = (await msp.get_json(f"/assessments/{assessment}/topics", params={"limit": 1}))["data"][0]
    answer = {"state": topic["allowed_states"][0], "note": "Seen"}
    expect(await msp.put(f"/assessments/{assessment}/answers/{topic['id']}", answer), 200)
    await msp.make(f"/assessments/{assessment}/evaluation", {})

    subscribed = await msp.make(f"/organizations/{practice}/subscription", {})
    assert (subscribed["state"], subscribed["access"]) == ("active", "full"), "what was refused is mended by its link"
    await make_assessment(msp, practice)
    await house.organization(msp)


def msp_base(problem: dict[str, Any]) -> str:
    return problem["mend"]["href"].split("/organizations")[0]


async def test_an_unpaid_invoice_closes_the_beginning_after_its_grace_and_a_payment_opens_it(
    house: House, calendar: Calendar
) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await msp.make(f"/organizations/{practice}/subscription", {})
    await calendar.pass_days(msp, until=calendar.day + TRIAL + DAY)
    [invoice] = await msp.all("/invoices")
    assert (invoice["status"], invoice["total_cents"]) == ("open", 49_900)
    due = calendar.day + timedelta(days=price_list().net_days)
    assert invoice["due_on"] == due.isoformat()

    calendar.turn_to(due + timedelta(days=price_list().grace_days))
    await calendar.close_books(msp)
    shown = await msp.get_json(f"/organizations/{practice}/subscription")
    assert (shown["state"], shown["access"]) == ("past_due", "full"), "grace"
    calendar.turn_to(calendar.day + DAY)
    problem = await refused(msp, f"/organizations/{practice}/assessments")
    assert problem["access"] == "read_only", "even before the books are closed"
    await calendar.close_books(msp)
    problem = await refused(msp, f"/organizations/{practice}/assessments")
    assert (problem["access"], problem["state"], problem["plan"]) == ("read_only", "unpaid", "practice")

    await msp.make(f"/invoices/{invoice['id']}/payment", {"amount_cents": 9_900, "method": "check"})
    await refused(msp, f"/organizations/{practice}/assessments")
    await msp.make(f"/invoices/{invoice['id']}/payment", {})
    assert (await msp.post(f"/invoices/{invoice['id']}/payment", {})).status_code == 409
    assert (await msp.get_json(f"/organizations/{practice}/subscription"))["state"] == "active"
    await make_assessment(msp, practice)


async def test_limits_of_the_plan(house: House, monkeypatch: Any) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    limit = price_list().plan("practice").limits.devices
    names = "\n".join(f"PC-{number}" for number in range(limit))
    await make_import(msp, practice, document=f"hostname\n{names}\n")
    body = {"source": "csv", "document": f"hostname\n{names}\nONE-MORE\n"}
    problem = await refused_import(msp, practice, body)
    assert problem["limit"] == {"name": "devices", "covered": limit, "needed": limit + 1}
    assert len((await msp.get_json(f"/organizations/{practice}/devices", params={"q": "ONE-MORE"}))["data"]) == 0
    await refused_import(msp, practice, {**body, "dry_run": True})
    await make_import(msp, practice, document=f"hostname\n{names}\n")
    await msp.make(f"/organizations/{practice}/subscription", {"locations": 2})
    await make_import(msp, practice, document=body["document"])
    use = await msp.get_json("/billing/usage")
    assert (use["organizations"][0]["devices"], use["organizations"][0]["devices_covered"]) == (limit + 1, limit * 2)


async def test_the_same_limits_for_one_by_hand_for_files_and_for_seats(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await make_device(msp, practice)
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        tenant = await own(session)
        tenant.limits = {"devices": 1, "storage_mb": 1, "members": 2}
    body = {"name": "One more", "kind": "file_server"}
    problem = expect(await msp.post(f"/organizations/{practice}/devices", body), 402)
    assert problem["limit"] == {"name": "devices", "covered": 1, "needed": 2}
    assert problem["mend"] == {"method": "POST", "href": problem["mend"]["href"]}, (
        "nothing is subscribed that could be extended"
    )
    assert len(await msp.all(f"/organizations/{practice}/devices")) == 1

    await make_document(msp, practice, content=b"x" * (1024 * 1024 - 100))
    file = {"file": ("more.txt", b"y" * 200, "text/plain")}
    path = f"/organizations/{practice}/documents"
    problem = expect(await msp.request("POST", path, data={"title": "More"}, files=file), 402)
    assert problem["limit"] == {"name": "storage_mb", "covered": 1, "needed": 2}

    seat = {"role": "technician", "email": "first@msp.example.com"}
    await msp.make("/invitations", seat)
    await msp.make("/invitations", seat)
    problem = await refused(msp, "/invitations", {**seat, "email": "second@msp.example.com"})
    assert problem["limit"] == {"name": "members", "covered": 2, "needed": 3}, "a seat that was offered counts, once"
    assert problem["mend"]["href"].endswith("/organizations"), "subscribe one of them"
    use = await msp.get_json("/billing/usage")
    assert (use["members"], use["members_covered"]) == (1, 2)
    shown = use["organizations"][0]
    assert (shown["devices"], shown["devices_covered"], shown["storage_mb"], shown["storage_mb_covered"]) == (1, 1, 1, 1)
    limits = price_list().plan("practice").limits
    await msp.make(f"/organizations/{practice}/subscription", {"locations": 4})
    assert (await msp.get_json("/billing/usage"))["members_covered"] == limits.members + 3 * limits.members_each
    await msp.make("/invitations", {**seat, "email": "second@msp.example.com"})


async def test_a_lapsed_practice_seals_what_was_begun_and_downloads_its_report(house: House, calendar: Calendar) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    assessment = await ready_to_sign(msp, practice)
    calendar.turn_to(calendar.day + timedelta(days=400))
    await sign(house, msp, assessment)
    await refused(msp, f"/organizations/{practice}/assessments")
    assert (await msp.get_json(f"/assessments/{assessment}/verification"))["intact"] is True
    for kind in ("application/pdf", "text/html", "application/json", XLSX, "text/csv"):
        answer = await msp.get(f"/assessments/{assessment}/report", headers={"Accept": kind})
        assert (answer.status_code, bool(answer.content)) == (200, True), kind


async def refused_import(by: Caller, practice: str, body: dict[str, Any]) -> dict[str, Any]:
    problem = expect(await by.post(f"/organizations/{practice}/imports", body), 402)
    assert problem["type"].endswith("/over-limit")
    assert problem["mend"]["method"] == "POST"
    return problem


async def test_a_practice_sees_its_own_subscription_and_changes_nothing(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    for organization in (practice, other):
        await msp.make(f"/organizations/{organization}/subscription", {"paid_by": "practice"})
    chief = await house.member(msp, Role.practice_admin, organizations=[practice])
    assert (await chief.get_json(f"/organizations/{practice}/subscription"))["state"] == "trialing"
    assert (await chief.get(f"/organizations/{other}/subscription")).status_code == 404
    assert (await chief.post(f"/organizations/{practice}/subscription/cancellation", {})).status_code == 403
    assert set((await chief.get_json("/billing/overview"))["subscriptions"].values()) == {1}
    technician = await house.member(msp, Role.technician)
    assert (await technician.get(f"/organizations/{practice}/subscription")).status_code == 403
