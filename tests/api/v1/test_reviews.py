"""Facts over HTTP: what sources disagree on is asked once and decided by a person; each fact tells how it came about."""

from typing import Any

from tests.api.v1.test_imports import device_called, machine, ninjaone, volume
from tests.makers import Caller, House, expect, make_device

OPEN, SHUT = volume(1, "UNPROTECTED"), volume(1, "PROTECTED")


async def reviews_of(by: Caller, organization: str, **filters: str) -> list[dict[str, Any]]:
    return (await by.get_json(f"/organizations/{organization}/reviews", params=filters))["data"]


async def test_a_disagreement_is_asked_once_and_either_side_can_be_accepted(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await make_device(msp, practice, name="Chair 1", hostname="pc1", encryption_at_rest="volume")
    for _ in range(2):
        await ninjaone(msp, practice, machine(1, "PC1"), volumes=(OPEN,))
    [review] = await reviews_of(msp, practice, status="open")
    assert (review["subject_type"], review["subject_id"]) == ("device", device["id"])
    assert (review["fact"], review["said"]) == ("encryption_at_rest", {"person": "volume", "measured": "none"})
    assert review["used"] == "volume", "a person is not overruled"
    assert (await msp.post(f"/reviews/{review['id']}/decision", {"accept": "survey"})).status_code == 422

    decided = await msp.make(f"/reviews/{review['id']}/decision", {"accept": "measured", "reason": "Looked again."})
    assert (decided["status"], decided["accepted"], decided["decided_by"]) == ("decided", "measured", str(msp.member_id))
    assert (await msp.post(f"/reviews/{review['id']}/decision", {"accept": "person"})).status_code == 409
    now = await device_called(msp, "Chair 1")
    assert now["encryption_at_rest"] == "none"
    mark = now["provenance"]["encryption_at_rest"]
    assert (mark["source"], mark["confirmed_by"]) == ("ninjaone", str(msp.member_id))
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(SHUT,))
    assert (await device_called(msp, "Chair 1"))["encryption_at_rest"] == "volume", "the machine is believed from now on"
    assert await reviews_of(msp, practice, status="open") == []


async def test_who_stays_with_a_person_is_not_asked_the_same_again(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await make_device(msp, practice, name="Chair 1", hostname="pc1", encryption_at_rest="volume", os_name="Windows 10")
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(OPEN,))
    for review in await reviews_of(msp, practice, status="open"):
        side = "person" if review["fact"] == "encryption_at_rest" else "measured"
        await msp.make(f"/reviews/{review['id']}/decision", {"accept": side})
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(OPEN,))
    assert await reviews_of(msp, practice, status="open") == []
    device = await device_called(msp, "Chair 1")
    assert (device["encryption_at_rest"], device["os_name"], device["os_edition"]) == ("volume", "Windows 11", "Pro")


async def test_a_disagreement_that_ends_settles_itself(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await make_device(msp, practice, name="Chair 1", hostname="pc1", encryption_at_rest="volume")
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(OPEN,))
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(SHUT,))
    assert [each["status"] for each in await reviews_of(msp, practice)] == ["settled"]


async def test_a_person_s_other_word_is_asked_at_once_and_a_mended_one_no_more(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(OPEN,))
    device = await device_called(msp, "PC1")
    path = f"/devices/{device['id']}"
    expect(await msp.patch(path, {"name": "Chair 1", "encryption_at_rest": "volume"}), 200)
    [review] = await reviews_of(msp, practice)
    assert (review["status"], review["fact"], review["source"]) == ("open", "encryption_at_rest", "ninjaone")
    assert (review["said"], review["used"]) == ({"person": "volume", "measured": "none"}, "volume")
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(OPEN,))
    assert len(await reviews_of(msp, practice)) == 1, "the tool says the same again"

    expect(await msp.patch(path, {"encryption_at_rest": "none"}), 200)
    assert [each["status"] for each in await reviews_of(msp, practice)] == ["settled"]
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(SHUT,))
    [other] = await reviews_of(msp, practice, status="open")
    assert other["said"] == {"person": "none", "measured": "volume"}
    expect(await msp.patch(path, {"encryption_at_rest": None}), 200)
    assert await reviews_of(msp, practice, status="open") == [], "who says nothing disagrees with nobody"


async def test_a_fact_is_confirmed_and_tells_how_it_came_about(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(OPEN,))
    device = await device_called(msp, "PC1")
    said = {"subject_type": "device", "subject_id": device["id"], "facts": ["encryption_at_rest"]}
    confirmed = await msp.make(f"/organizations/{practice}/fact-confirmations", said)
    assert confirmed["provenance"]["encryption_at_rest"]["confirmed_by"] == str(msp.member_id)
    unknown = await msp.post(f"/organizations/{practice}/fact-confirmations", {**said, "facts": ["login_mode"]})
    assert expect(unknown, 422)["errors"][0]["pointer"] == "/facts/0"
    elsewhere = await house.organization(msp)
    assert (await msp.post(f"/organizations/{elsewhere}/fact-confirmations", said)).status_code == 422
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(SHUT,))
    mark = (await device_called(msp, "PC1"))["provenance"]["encryption_at_rest"]
    assert mark["confirmed_by"] is None, "a confirmation ends with its value"
    change = {"kind": "capture_workstation", "encryption_at_rest": "none", "facts": {"login_mode": "shared"}}
    expect(await msp.patch(f"/devices/{device['id']}", change), 200)
    where = {"subject_id": device["id"], "fact": "encryption_at_rest", "limit": "2"}
    page = await msp.get_json(f"/organizations/{practice}/fact-history", params=where)
    assert [(each["before"], each["after"], each["source"]) for each in page["data"]] == [
        ("volume", "none", "person"),
        ("none", "volume", "ninjaone"),
    ]
    rest = await msp.get_json(f"/organizations/{practice}/fact-history", params={**where, "after": page["next"]})
    assert [(each["before"], each["after"], each["source"]) for each in rest["data"]] == [(None, "none", "ninjaone")]
    login = await msp.get_json(
        f"/organizations/{practice}/fact-history", params={"subject_id": device["id"], "fact": "login_mode"}
    )
    assert [(each["before"], each["after"]) for each in login["data"]] == [(None, "shared")]
