"""Partners over HTTP: outside parties that images go to or come from."""

from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import House


async def test_a_partner_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {"name": "Harbor Oral Surgery", "kind": "specialist", "ref": "p-7"}
    await it_lives(msp, f"/organizations/{practice}/partners", "/partners", said, {"email": "office@surgery.example.com"})


async def test_a_partner_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    said = {"name": "Crown Lab", "kind": "lab"}
    await it_is_behind_both_walls(house, msp, "/organizations/{}/partners", "/partners", said)


async def test_what_names_a_partner_is_no_fact(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    facts = {"type": "lab", "email": "a@lab.example.com", "rating": 5}
    refused = await msp.post(f"/organizations/{practice}/partners", {"name": "Lab", "kind": "lab", "facts": facts})
    assert faults(refused) == {
        ("/facts/type", "has_its_own_field"),
        ("/facts/email", "has_its_own_field"),
        ("/facts/rating", "unknown_fact"),
    }


async def test_two_partners_have_two_references(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    said = {"name": "Crown Lab", "kind": "lab", "ref": "lab-1"}
    await msp.make(f"/organizations/{practice}/partners", said)
    assert (await msp.post(f"/organizations/{practice}/partners", said)).status_code == 409
    await msp.make(f"/organizations/{other}/partners", said)
    found = await msp.get_json(f"/organizations/{other}/partners", params={"ref": "lab-1", "kind": "lab", "q": "crown"})
    assert len(found["data"]) == 1
