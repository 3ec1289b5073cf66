"""Groups of organizations over HTTP: listed or by rule, as filters of the fleet, and bounded in what they may cost."""

from typing import Any
from uuid import UUID

import pytest

from domain.access import Role
from domain.clock import new_id
from domain.errors import Invalid
from domain.inventory.group_rules import members
from domain.inventory.organizations import Organization
from tests.api.v1.nouns import faults
from tests.makers import Caller, House, expect, make_device, make_finding, make_group, make_task


async def names(by: Caller, group: dict[str, Any]) -> list[str]:
    return [each["name"] for each in (await by.get_json("/organizations", params={"group_id": group["id"]}))["data"]]


async def test_a_listed_group_lives(house: House) -> None:
    msp = await house.tenant()
    lakeview, harbor = await house.organization(msp, name="Lakeview"), await house.organization(msp, name="Harbor")
    group = await make_group(msp, name="East", organization_ids=[lakeview])
    assert (group["organization_ids"], group["rule"]) == ([lakeview], None)
    assert await msp.all("/groups") == [group], "the list, which Postgres writes, says the same"

    read = await msp.get(f"/groups/{group['id']}")
    changed = expect(await msp.patch(f"/groups/{group['id']}", {"organization_ids": [lakeview, harbor]}), 200)
    assert set(changed["organization_ids"]) == {lakeview, harbor}
    stale = await msp.patch(f"/groups/{group['id']}", {"name": "West"}, headers={"If-Match": read.headers["etag"]})
    assert stale.status_code == 412, "who is in it is part of it"
    assert await names(msp, group) == ["Harbor", "Lakeview"]

    told = [each["changes"] for each in (await msp.get_json("/audit-log", params={"subject_id": group["id"]}))["data"]]
    assert {"joined": [harbor], "left": []} in told
    assert (await msp.post("/groups", {"name": "East", "organization_ids": []})).status_code == 409
    assert (await msp.delete(f"/groups/{group['id']}")).status_code == 204
    assert await names(msp, group) == []
    assert (await msp.get_json(f"/groups/{group['id']}"))["archived_at"] is not None
    await make_group(msp, name="East")


async def test_organizations_join_and_leave_by_the_rule(house: House) -> None:
    msp = await house.tenant()
    await house.organization(msp, name="Lakeview", state="PA", settings={"auto_logoff_max": 10})
    harbor = await house.organization(msp, name="Harbor", state="ME")
    group = await make_group(msp, rule='organization.state == "PA" || organization.facts.last_pentest_on < "2020-01-01"')
    assert group["organization_ids"] is None
    assert await names(msp, group) == ["Lakeview"]

    expect(await msp.patch(f"/organizations/{harbor}", {"state": "PA"}), 200)
    await house.organization(msp, name="Nobody knows where")
    assert await names(msp, group) == ["Harbor", "Lakeview"], "what nobody has said lets nobody in"
    expect(await msp.patch(f"/organizations/{harbor}", {"state": None}), 200)
    assert await names(msp, group) == ["Lakeview"]
    expect(await msp.patch(f"/groups/{group['id']}", {"rule": "organization.settings.auto_logoff_max > 10"}), 200)
    assert await names(msp, group) == []
    changed = expect(await msp.patch(f"/groups/{group['id']}", {"rule": None, "organization_ids": [harbor]}), 200)
    assert changed["organization_ids"] == [harbor]
    expect(await msp.patch(f"/organizations/{harbor}", {"state": "TX"}), 200)
    assert await names(msp, group) == ["Harbor"], "a listed group asks no rule"


async def test_a_survey_sorts_its_practice(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp, name="Lakeview")
    group = await make_group(msp, rule='organization.specialty == "orthodontics"')
    survey = {"schema": "imaging-survey/1", "practice": {"specialty": "orthodontics"}}
    await msp.make(f"/organizations/{practice}/imports", {"source": "survey", "document": survey})
    assert await names(msp, group) == ["Lakeview"]


async def test_a_group_filters_every_list_over_the_fleet(house: House) -> None:
    msp = await house.tenant()
    own, other = await house.organization(msp), await house.organization(msp)
    for organization in (own, other):
        await make_device(msp, organization)
        await make_task(msp, organization)
        await make_finding(msp, organization)
    group = await make_group(msp, organization_ids=[own])
    for fleet in ("/devices", "/tasks", "/findings"):
        shown = (await msp.get_json(fleet, params={"group_id": group["id"]}))["data"]
        assert {each["organization_id"] for each in shown} == {own}
        assert len(await msp.all(fleet)) == 2
        assert (await msp.get_json(fleet, params={"group_id": str(new_id())}))["data"] == []


async def test_who_is_narrowed_sees_the_own_part_and_changes_nothing(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    own, other = await house.organization(msp), await house.organization(msp)
    both, others = await make_group(msp, organization_ids=[own, other]), await make_group(msp, organization_ids=[other])
    narrowed = await house.member(msp, Role.admin, organizations=[own])
    assert [each["id"] for each in await narrowed.all("/groups")] == [both["id"]]
    assert (await narrowed.get_json(f"/groups/{both['id']}"))["organization_ids"] == [own]
    assert (await narrowed.get(f"/groups/{others['id']}")).status_code == 404
    for answer in (
        await narrowed.post("/groups", {"name": "Mine", "organization_ids": [own]}),
        await narrowed.patch(f"/groups/{both['id']}", {"name": "Mine"}),
        await narrowed.delete(f"/groups/{both['id']}"),
        await (await house.member(msp, Role.technician)).post("/groups", {"name": "Mine", "organization_ids": []}),
    ):
        assert answer.status_code == 403
    assert (await stranger.get(f"/groups/{both['id']}")).status_code == 404
    foreign = await stranger.post("/groups", {"name": "Theirs", "organization_ids": [own]})
    assert faults(foreign) == {("/organization_ids/0", "unknown_reference")}


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("organization.state ==", "not_cel"),
        ("1 == 1", "not_about_organizations"),
        ("organization.mood == 3", "unknown_field"),
        ("organization.facts.mood == 3", "unknown_fact"),
        ("(" * 11 + "organization.state" + ")" * 11 + ' == "PA"', "nested_too_deeply"),
        ("[1].all(x, [1].all(y, [1].all(z, organization.state == 'PA')))", "too_many_walks"),
        ("organization.state == '" + "x" * 1000 + "'", "string_too_long"),
        (None, "either_or"),
    ],
)
async def test_rules_are_bounded(house: House, rule: str | None, code: str) -> None:
    msp = await house.tenant()
    assert {each for _, each in faults(await msp.post("/groups", {"name": "Rule", "rule": rule}))} == {code}


def test_a_rule_has_its_time_and_no_more() -> None:
    ticks = iter(range(100))
    organizations = [Organization(id=UUID(int=number), name="Practice") for number in range(10)]
    with pytest.raises(Invalid, match="2 seconds"):
        members('organization.name == "Practice"', organizations, clock=lambda: float(next(ticks)))
