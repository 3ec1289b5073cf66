"""Vendors over HTTP: known once per tenant, engaged by many organizations, and so not changed by those who act for one."""

from datetime import timedelta

from domain.access import Role
from domain.clock import today
from tests.makers import House, expect, make_baa, make_engagement, make_finding, make_vendor


async def test_a_vendor_lives(house: House) -> None:
    msp = await house.tenant()
    made = await msp.make(
        "/vendors", {"name": "Northwind Imaging", "category": "cloud_archive", "products": ["Archive"], "subcontractors": None}
    )
    assert (made["status"], made["products"], made["subcontractors"]) == ("active", ["Archive"], None)
    read = await msp.get(f"/vendors/{made['id']}")
    assert read.json() == made

    asked = await msp.patch(
        f"/vendors/{made['id']}",
        {"subcontractors": [], "verified_on": today().isoformat()},
        headers={"If-Match": read.headers["etag"]},
    )
    assert expect(asked, 200)["subcontractors"] == [], "asked, and there are none: not the same as never asked"
    lost = await msp.patch(f"/vendors/{made['id']}", {"name": "Other"}, headers={"If-Match": read.headers["etag"]})
    assert lost.status_code == 412

    assert (await msp.delete(f"/vendors/{made['id']}")).status_code == 204
    assert await msp.all("/vendors") == []
    assert (await msp.get_json(f"/vendors/{made['id']}"))["archived_at"] is not None


async def test_the_list_is_filtered(house: House) -> None:
    msp = await house.tenant()
    await msp.make("/vendors", {"name": "Cloud Archive", "category": "cloud_archive"})
    await msp.make("/vendors", {"name": "Archive of old", "category": "backup", "status": "ended"})
    await msp.make("/vendors", {"name": "Cleaners", "category": "cleaning"})

    async def names(**filters: str) -> list[str]:
        return [each["name"] for each in (await msp.get_json("/vendors", params=filters))["data"]]

    assert await names() == ["Archive of old", "Cleaners", "Cloud Archive"]
    assert await names(q="ARCHIVE") == ["Archive of old", "Cloud Archive"]
    assert await names(q="archive", status="active") == ["Cloud Archive"]
    assert await names(category="cleaning") == ["Cleaners"]
    assert await names(q="%") == [], "a sign of the pattern language means itself"
    assert (await msp.get("/vendors", params={"kategory": "backup"})).status_code == 422


async def test_words_and_days_that_cannot_be_are_named(house: House) -> None:
    msp = await house.tenant()
    tomorrow = today() + timedelta(days=1)
    answer = await msp.post("/vendors", {"name": "X", "category": "spaceships", "verified_on": tomorrow.isoformat()})
    assert {(each["pointer"], each["code"]) for each in expect(answer, 422)["errors"]} == {
        ("/category", "unknown_category"),
        ("/verified_on", "in_the_future"),
    }


async def test_an_engaged_vendor_is_not_taken_off_the_list(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    vendor = await msp.make("/vendors", {"name": "Cloud"})
    engagement = await msp.make(
        f"/organizations/{practice}/engagements", {"vendor_id": vendor["id"], "service": "cloud_archive"}
    )
    refused = await msp.delete(f"/vendors/{vendor['id']}")
    assert expect(refused, 409)["type"].endswith("/still-engaged")

    yesterday = today() - timedelta(days=1)
    expect(await msp.patch(f"/engagements/{engagement['id']}", {"ended_on": yesterday.isoformat()}), 200)
    assert (await msp.delete(f"/vendors/{vendor['id']}")).status_code == 204
    again = await msp.post(f"/organizations/{practice}/engagements", {"vendor_id": vendor["id"], "service": "cloud_archive"})
    assert [(each["pointer"], each["code"]) for each in expect(again, 422)["errors"]] == [("/vendor_id", "archived")]


async def test_who_acts_for_one_practice_adds_vendors_but_changes_none(house: House) -> None:
    msp = await house.tenant()
    mine = await house.organization(msp)
    vendor = await msp.make("/vendors", {"name": "Shared"})
    manager = await house.member(msp, Role.practice_admin, organizations=[mine])

    assert [each["name"] for each in await manager.all("/vendors")] == ["Shared"]
    own = await manager.make("/vendors", {"name": "Our cleaner"})
    await manager.make(f"/organizations/{mine}/engagements", {"vendor_id": own["id"], "service": "cleaning"})
    assert (await manager.patch(f"/vendors/{vendor['id']}", {"status": "ended"})).status_code == 403
    assert (await manager.delete(f"/vendors/{vendor['id']}")).status_code == 403
    assert (await msp.get_json(f"/vendors/{vendor['id']}"))["status"] == "active"


async def test_roles_and_strangers(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    vendor = await msp.make("/vendors", {"name": "Cloud"})
    auditor = await house.member(msp, Role.auditor)
    assert (await auditor.get_json(f"/vendors/{vendor['id']}"))["name"] == "Cloud"
    assert (await auditor.post("/vendors", {"name": "New"})).status_code == 403
    assert (await (await house.member(msp, Role.billing)).get("/vendors")).status_code == 403
    assert (await stranger.get(f"/vendors/{vendor['id']}")).status_code == 404
    assert await stranger.all("/vendors") == []


async def test_a_vendor_is_shown_over_all_organizations(house: House) -> None:
    msp = await house.tenant()
    vendor, other = await make_vendor(msp), await make_vendor(msp)
    lakeview, harbor, cedar = [await house.organization(msp, name=name) for name in ("Lakeview", "Harbor", "Cedar")]
    await make_engagement(msp, lakeview, vendor["id"])
    await make_engagement(msp, harbor, vendor["id"])
    await make_engagement(msp, cedar, other["id"])
    baa = await make_baa(msp, harbor, vendor["id"], signed_on=today().isoformat())
    about = {"subject_type": "vendor", "subject_id": vendor["id"]}
    risk = await make_finding(msp, harbor, **about)

    shown = {each["organization_name"]: each for each in await msp.all(f"/vendors/{vendor['id']}/organizations")}
    assert shown.keys() == {"Lakeview", "Harbor"}
    assert [each["compliant"] for each in shown["Lakeview"]["engagements"]] == [False]
    assert [(each["id"], each["state"]) for each in shown["Harbor"]["baas"]] == [(baa["id"], "executed")]
    assert [each["id"] for each in shown["Harbor"]["findings"]] == [risk["id"]]
    first = await msp.get_json(f"/vendors/{vendor['id']}/organizations", params={"limit": 1})
    assert len(first["data"]) == 1 and first["next"]

    narrowed = await house.member(msp, Role.technician, organizations=[lakeview])
    assert [each["organization_name"] for each in await narrowed.all(f"/vendors/{vendor['id']}/organizations")] == ["Lakeview"]
    blind = await house.member(msp, Role.admin, scopes=["vendors:read"])
    [one, *_] = await blind.all(f"/vendors/{vendor['id']}/organizations")
    assert (one["engagements"], one["baas"], one["findings"]) == (None, None, None)


async def test_a_list_begins_with_what_is_publicly_known(house: House) -> None:
    msp = await house.tenant()
    categories = await msp.all("/catalogue/vendor-categories")
    assert {"cloud_archive", "lab", "cleaning"} <= {each["key"] for each in categories}
    lab = next(each for each in categories if each["key"] == "lab")
    assert lab["role_decision_required"]
    known = await msp.all("/catalogue/imaging-vendors")
    assert all(each["source"].startswith("https://") and each["products"] for each in known)
    for each in known:
        await make_vendor(msp, name=each["name"], category=each["category"], products=each["products"])
    clouds = await msp.get_json("/catalogue/imaging-vendors", params={"category": "cloud_archive"})
    assert {each["category"] for each in clouds["data"]} == {"cloud_archive"}
    assert (await msp.get("/catalogue/imaging-vendors", params={"category": "mood"})).status_code == 422
