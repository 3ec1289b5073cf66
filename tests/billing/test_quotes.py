"""Quotes over HTTP: prices that explain themselves, a link that works once, and what an acceptance becomes."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from billing.invoices import Invoice
from billing.papers import invoice_paper, quote_paper
from billing.plans import price_list
from billing.prices import discounted, years_after
from billing.quotes import Quote, approve_discount
from domain.clock import today
from domain.database import tenant_session
from domain.tenancy import SYSTEM, Wall
from tests.billing.calendar import Calendar
from tests.makers import Caller, House, expect

SAYS_YES = {"name": "Dr. Ada Reyes", "title": "Owner"}


async def make_quote(by: Caller, **fields: Any) -> dict[str, Any]:
    return await by.make("/quotes", {"locations": 4, "recipient_email": "ada@group.example.com", **fields})


async def sent(by: Caller, quote: str) -> str:
    """Finalized and sent; the token of its link."""
    await by.make(f"/quotes/{quote}/finalization", None)
    return token_of(await by.make(f"/quotes/{quote}/sending", None))


def token_of(answer: dict[str, Any]) -> str:
    return answer["url"].split("#")[1].split(".")[1]


async def test_from_the_request_to_the_subscription(house: House, calendar: Calendar) -> None:
    msp = await house.tenant()
    group = await house.organization(msp, name="Harbor Dental Group", legal_name="Harbor Dental Group PC")
    quote = await make_quote(msp, organization_id=group, years=3, providers=9)
    assert (quote["status"], quote["rate"]) == ("draft", None)
    assert (await msp.get(f"/quotes/{quote['id']}/pdf")).status_code == 409
    final = await msp.make(f"/quotes/{quote['id']}/finalization", None)
    rate = price_list().plan("practice").rate(4)
    assert (final["rate"], final["list_rate"], final["status"]) == (rate, rate, "open")
    assert final["valid_until"] == (today() + timedelta(days=price_list().quotes.valid_days)).isoformat()
    paper = await msp.get(f"/quotes/{quote['id']}/pdf")
    assert paper.content.startswith(b"%PDF")
    assert paper.content == (await msp.get(f"/quotes/{quote['id']}/pdf")).content
    token = token_of(await msp.make(f"/quotes/{quote['id']}/sending", None))
    offer = expect(await msp.http.post(f"/v1/quotes/{quote['id']}/offer", json={"token": token}), 200)
    assert (offer["yearly_cents"], offer["years"]) == (4 * rate, 3)

    accepted = expect(await msp.http.post(f"/v1/quotes/{quote['id']}/acceptance", json={"token": token, **SAYS_YES}), 201)
    assert accepted["acceptance"]["name"] == "Dr. Ada Reyes"
    assert accepted["begun_on"] == today().isoformat()
    subscription = await msp.get_json(f"/organizations/{group}/subscription")
    assert (subscription["state"], subscription["locations"], subscription["rate_cents"]) == ("active", 4, rate)
    assert subscription["rate_until"] == years_after(today(), 3).isoformat()
    [invoice] = await msp.all("/invoices")
    assert (invoice["total_cents"], invoice["organization_id"]) == (4 * rate, group)
    told = [each["kind"] for each in await msp.all("/events")]
    assert [told.count(f"quote.{act}") for act in ("created", "finalized", "sent", "accepted", "began")] == [1] * 5


async def test_two_clicks_make_one_subscription(house: House) -> None:
    msp = await house.tenant()
    group = await house.organization(msp)
    quote = (await make_quote(msp, organization_id=group))["id"]
    token = await sent(msp, quote)
    clicks = [msp.http.post(f"/v1/quotes/{quote}/acceptance", json={"token": token, **SAYS_YES}) for _ in range(5)]
    answers = await asyncio.gather(*clicks)
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409, 409]
    assert len(await msp.all("/invoices")) == 1
    told = [each["kind"] for each in await msp.all("/events")]
    assert told.count("subscription.created") == 1
    assert (await msp.http.post(f"/v1/quotes/{quote}/decline", json={"token": token, "name": "Ada"})).status_code == 409


async def test_a_link_opens_its_own_quote_and_nothing_else(house: House) -> None:
    msp, other = await house.tenant(), await house.tenant()
    quote, neighbour = (await make_quote(msp))["id"], (await make_quote(msp))["id"]
    token, foreign = await sent(msp, quote), await sent(other, (await make_quote(other))["id"])
    stolen = f"bwq_{msp.tenant_id.hex}_{foreign.split('_', 2)[2]}"
    for wrong, at in ((foreign, quote), (stolen, quote), (token, neighbour), (token + "x", quote), ("x", quote)):
        answer = await msp.http.post(f"/v1/quotes/{at}/acceptance", json={"token": wrong, **SAYS_YES})
        assert answer.status_code == 404, wrong
    newer = token_of(await msp.make(f"/quotes/{quote}/sending", None))
    assert (await msp.http.post(f"/v1/quotes/{quote}/offer", json={"token": token})).status_code == 404, "a newer link ended it"
    paper = await msp.http.post(f"/v1/quotes/{quote}/offer", json={"token": newer}, headers={"Accept": "application/pdf"})
    assert paper.content.startswith(b"%PDF")
    declined = await msp.http.post(f"/v1/quotes/{quote}/decline", json={"token": newer, "name": "Ada", "reason": "Too dear"})
    assert expect(declined, 201)["status"] == "declined"


async def test_a_discount_needs_its_reason_and_the_operator(house: House) -> None:
    msp = await house.tenant()
    assert (await msp.post("/quotes", {"locations": 3, "discount_percent": 10})).status_code == 422
    most = price_list().discounts.most
    over = {"locations": 3, "discount_percent": most + 1, "discount_reason": "Asked"}
    assert (await msp.post("/quotes", over)).status_code == 422
    quote = (await make_quote(msp, discount_percent=10, discount_reason="Founding customer"))["id"]
    refused = expect(await msp.post(f"/quotes/{quote}/finalization"), 409)
    assert refused["type"].endswith("/approval-needed")
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        await approve_discount(session, await session.fetch(Quote, UUID(quote), lock=True), 10)
    await msp.patch(f"/quotes/{quote}", {"discount_percent": 11})
    assert (await msp.post(f"/quotes/{quote}/finalization")).status_code == 409, "not one percent more"
    await msp.patch(f"/quotes/{quote}", {"discount_percent": 10})
    final = await msp.make(f"/quotes/{quote}/finalization", None)
    assert final["rate"] == discounted(final["list_rate"], 10)
    assert (await msp.patch(f"/quotes/{quote}", {"locations": 9})).status_code == 409


async def test_a_revision_voids_what_it_replaces(house: House) -> None:
    msp = await house.tenant()
    first = (await make_quote(msp))["id"]
    token = await sent(msp, first)
    second = await msp.make(f"/quotes/{first}/revision", None)
    assert (second["revision"], second["status"]) == (2, "draft")
    await msp.patch(f"/quotes/{second['id']}", {"locations": 5})
    final = await msp.make(f"/quotes/{second['id']}/finalization", None)
    assert final["number"] == (await msp.get_json(f"/quotes/{first}"))["number"]
    assert (await msp.get_json(f"/quotes/{first}"))["status"] == "void"
    assert (await msp.http.post(f"/v1/quotes/{first}/acceptance", json={"token": token, **SAYS_YES})).status_code == 404


async def test_of_one_number_only_one_revision_can_ever_be_accepted(house: House) -> None:
    msp = await house.tenant()
    group = await house.organization(msp)
    first = (await make_quote(msp, organization_id=group))["id"]
    token = await sent(msp, first)
    second = (await msp.make(f"/quotes/{first}/revision", None))["id"]
    again = expect(await msp.post(f"/quotes/{first}/revision"), 409)
    assert again["type"].endswith("/revised-already"), "two drafts side by side would both be sent, and both be accepted"
    expect(await msp.http.post(f"/v1/quotes/{first}/acceptance", json={"token": token, **SAYS_YES}), 201)
    late = expect(await msp.post(f"/quotes/{second}/finalization"), 409)
    assert late["type"].endswith("/already-accepted"), "what was accepted is not offered anew under its own number"
    assert (await msp.get_json(f"/organizations/{group}/subscription"))["quote_id"] == first
    assert len(await msp.all("/invoices")) == 1


async def test_a_quote_runs_out_and_one_for_later_waits(house: House, calendar: Calendar) -> None:
    msp = await house.tenant()
    group = await house.organization(msp)
    late, later = (await make_quote(msp))["id"], today() + timedelta(days=10)
    token = await sent(msp, late)
    waiting = (await make_quote(msp, organization_id=group, starts_on=later.isoformat()))["id"]
    await msp.http.post(f"/v1/quotes/{waiting}/acceptance", json={"token": await sent(msp, waiting), **SAYS_YES})
    assert (await msp.get(f"/organizations/{group}/subscription")).status_code == 404
    await calendar.pass_days(msp, until=later)
    assert (await msp.get_json(f"/organizations/{group}/subscription"))["starts_on"] == later.isoformat()
    await calendar.pass_days(msp, until=later)
    assert len(await msp.all("/invoices")) == 1
    calendar.turn_to(today() + timedelta(days=40))
    answer = await msp.http.post(f"/v1/quotes/{late}/acceptance", json={"token": token, **SAYS_YES})
    assert expect(answer, 409)["type"].endswith("/expired")
    await calendar.close_books(msp)
    assert (await msp.get_json(f"/quotes/{late}"))["status"] == "expired"


async def test_a_commitment_is_paid_for_and_what_joins_within_it_costs_nothing_more(house: House, calendar: Calendar) -> None:
    msp = await house.tenant()
    quote = (await make_quote(msp, locations=25, years=2))["id"]
    await msp.http.post(f"/v1/quotes/{quote}/acceptance", json={"token": await sent(msp, quote), **SAYS_YES})
    rate = price_list().plan("practice").committed_rate(25)
    [invoice] = await msp.all("/invoices")
    assert invoice["total_cents"] == 25 * rate
    await msp.make(f"/invoices/{invoice['id']}/payment", {})
    practice = await house.organization(msp)
    calendar.turn_to(today() + timedelta(days=5))
    preview = await msp.get_json(f"/organizations/{practice}/subscription/preview")
    assert (preview["amount_cents"], preview["rate_cents"]) == (0, rate)
    await msp.make(f"/organizations/{practice}/subscription", {})
    await calendar.pass_days(msp, until=today() + timedelta(days=40))
    assert len(await msp.all("/invoices")) == 1
    assert (await msp.get_json("/billing/overview"))["arr_cents"] == 25 * rate


@pytest.mark.parametrize("brand", ["ours", "tenant"])
async def test_the_paper_is_tagged_and_says_everything(house: House, brand: str, tmp_path: Any) -> None:
    msp = await house.tenant("Bright & Söhne")
    await msp.patch("/tenant", {"brand": {"name": "Bright & Söhne", "colour": "#7a1f5f"}})
    quote = (await make_quote(msp, locations=7, years=3, brand=brand, note="#set text(red) *as agreed* 你好"))["id"]
    await msp.make(f"/quotes/{quote}/finalization", None)
    content = (await msp.get(f"/quotes/{quote}/pdf")).content
    assert b"/MarkInfo" in content
    assert b"pdfuaid" in content


async def test_a_quote_promises_no_tax_that_the_ledger_works_out(house: House) -> None:
    msp = await house.tenant()
    id = (await make_quote(msp, locations=7, years=3))["id"]
    await msp.make(f"/quotes/{id}/finalization", None)
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        quote = await session.fetch(Quote, UUID(id))
        untaxed = await quote_paper(session, quote)
        quote.tax_rate = 825
        taxed = await quote_paper(session, quote)
    assert untaxed.total[0] == "Total for 3 years, without tax"
    assert "Tax is not included. Where it is due, each invoice adds it." in untaxed.notes
    assert (taxed.total[0], taxed.sums[1][0]) == ("Total for 3 years", "Tax each year, 8.25 %")


async def test_an_open_invoice_says_whom_to_pay(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    quote = (await make_quote(msp, organization_id=practice))["id"]
    await msp.http.post(f"/v1/quotes/{quote}/acceptance", json={"token": await sent(msp, quote), **SAYS_YES})
    [listed] = await msp.all("/invoices")
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        invoice = await session.fetch(Invoice, UUID(listed["id"]))
        shown = await invoice_paper(session, invoice, seller="Bitewing Inc., account 000 123 456")
    assert shown.notes[0] == f"Pay to Bitewing Inc., account 000 123 456, and name {listed['number']}."
    last = (date.fromisoformat(listed["period_end"]) - timedelta(days=1)).isoformat()
    assert ("Covers", f"{listed['period_start']} to {last}") in shown.facts
