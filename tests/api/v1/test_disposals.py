"""Disposal of devices: sanitized on record, and no image goes that may have to be kept."""

from typing import Any

import pytest

from tests.makers import House, expect, make_device, make_disposal

HELD = {"held_images": True, "last_entry_on": "2018-01-31", "images_of_minors": False}
COPY = {"second_copy": "Archive in the cloud", "second_copy_verified_on": "2026-01-04"}


@pytest.mark.parametrize(
    ("state", "said", "because"),
    [
        (None, HELD, "State of the practice is not recorded"),
        ("AK", HELD, "No verified period for Alaska"),
        ("AZ", HELD, "No verified period for Arizona"),
        ("IL", HELD, "ends on 2028-01-31"),
        ("PA", {**HELD, "last_entry_on": None}, "is not known"),
        ("PA", {**HELD, "images_of_minors": None}, "minors"),
        ("PA", {**HELD, "images_of_minors": True}, "minors"),
        ("PA", {**HELD, "legal_hold": True}, "legal hold"),
        ("PA", {"held_images": None}, "is not known"),
        ("PA", {"held_images": False}, "is not known"),
    ],
)
async def test_images_that_may_have_to_be_kept_do_not_go(
    house: House, state: str | None, said: dict[str, Any], because: str
) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp, **({"state": state} if state else {}))
    device = await make_device(msp, practice, facts={"stores_ephi": True})
    words = dict.fromkeys(("media_type", "verification", "performed_by"), "As seen on site.")
    body = {"disposed_on": "2026-01-05", "method": "destroy", **words, **said}
    refused = expect(await msp.post(f"/devices/{device['id']}/disposal", body), 409)
    assert refused["type"].endswith("inside-retention")
    assert because in refused["detail"]
    assert (await msp.get_json(f"/devices/{device['id']}"))["status"] == "active"
    assert (await msp.get_json(f"/organizations/{practice}/retention"))["automatic_purge"] is False

    made = await make_disposal(msp, device["id"], **said, **COPY)
    assert made["images_may_go"] == "A second copy was verified on 2026-01-04."


async def test_a_disposal_is_kept_for_good(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp, state="PA")
    device = await make_device(msp, practice, facts={"stores_ephi": True})
    path = f"/devices/{device['id']}"
    refused = expect(await msp.patch(path, {"status": "disposed"}), 409)
    assert refused["type"].endswith("disposal-not-recorded")
    made = await make_disposal(msp, device["id"], **HELD)
    assert made["images_may_go"].startswith("Retention ended on 2023-01-31.")
    assert made["retain_until"] == "2032-01-05"
    assert (await msp.get_json(path))["status"] == "disposed"
    assert await msp.all(f"/organizations/{practice}/disposals") == [made]
    assert await msp.get_json(f"/disposals/{made['id']}") == made
    assert (await msp.post(f"{path}/disposal", {"disposed_on": "2026-01-05"})).status_code == 422
    kinds = [each["kind"] for each in await msp.all("/events")]
    assert kinds.count("device.disposed") == 1
    stranger = await house.tenant()
    assert (await stranger.get(f"/disposals/{made['id']}")).status_code == 404


async def test_the_state_says_how_long(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp, state="KS")
    found = await msp.get_json(f"/organizations/{practice}/retention")
    assert (found["adult_years"], found["citation"], found["verification"]) == (10, "K.A.R. 71-1-15", "verified_text")
    assert found["compliance_records_years"] == 6
