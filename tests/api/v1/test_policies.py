"""Policies over HTTP: the written rules of a practice, one row for each key."""

from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import House


async def test_a_policy_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {"key": "emergency_mode_imaging", "title": "Imaging when the server is down", "adopted_on": "2025-04-01"}
    made = await it_lives(
        msp, f"/organizations/{practice}/policies", "/policies", said, {"in_place": True, "review_due_on": "2027-04-01"}
    )
    assert made["in_place"] is None, "unknown is not no"


async def test_a_policy_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    said = {"key": "media_movement_log", "in_place": False}
    await it_is_behind_both_walls(house, msp, "/organizations/{}/policies", "/policies", said)


async def test_there_is_one_row_for_each_key(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/policies"
    await msp.make(path, {"key": "visitor_control", "in_place": True})
    twice = await msp.post(path, {"key": "visitor_control", "in_place": False})
    assert twice.status_code == 409
    assert "key" in twice.json()["detail"]
    await msp.make(path, {"key": "film_destruction", "in_place": False})
    found = await msp.get_json(path, params={"in_place": "false"})
    assert [each["key"] for each in found["data"]] == ["film_destruction"]


async def test_its_document_is_one_of_the_practice(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    paper = await msp.request(
        "POST",
        f"/organizations/{other}/documents",
        data={"title": "Visitors", "kind": "policy"},
        files={"file": ("visitors.txt", b"Visitors sign in.")},
    )
    said = {"key": "visitor_control", "document_id": paper.json()["id"]}
    assert faults(await msp.post(f"/organizations/{practice}/policies", said)) == {("/document_id", "unknown_reference")}
    await msp.make(f"/organizations/{other}/policies", said)
