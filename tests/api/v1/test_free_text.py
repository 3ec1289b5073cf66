"""No patient gets into free text: what looks like an identifier is refused, by field, wherever it is typed."""

from typing import Any

import pytest

from tests.api.v1.nouns import faults
from tests.makers import Caller, House, expect

SSN = "219-09-9999"
MRN = "MRN: 0448812"
BIRTH = "DOB 03/14/1961"


@pytest.mark.parametrize(
    ("nouns", "said", "pointer"),
    [
        ("devices", {"name": f"PC of {MRN}", "kind": "laptop"}, "/name"),
        ("devices", {"name": "PC", "kind": "laptop", "owner": BIRTH}, "/owner"),
        ("devices", {"name": "PC", "kind": "laptop", "facts": {"note": f"images of {SSN}"}}, "/facts/note"),
        ("devices", {"name": "PC", "kind": "imaging_server", "facts": {"software": [{"name": MRN}]}}, "/facts/software/0/name"),
        ("systems", {"name": "Mail", "kind": "email_system", "product": MRN}, "/product"),
        ("segments", {"name": "flat", "note": f"seen by {BIRTH}"}, "/note"),
        ("workforce", {"role": "hygienist", "name": SSN}, "/name"),
        ("policies", {"key": "visitor_control", "title": BIRTH}, "/title"),
        ("locations", {"name": f"Room of {MRN}"}, "/name"),
    ],
)
async def test_the_field_is_named_and_the_text_is_not_repeated(
    house: House, nouns: str, said: dict[str, Any], pointer: str
) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    refused = await msp.post(f"/organizations/{practice}/{nouns}", said)
    assert faults(refused) == {(pointer, "looks_like_patient_identifier")}
    assert not any(each in refused.text for each in (SSN, "0448812", "1961"))


async def test_honest_numbers_pass(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {
        "name": "OP1, bought 03/14/2021, call 555-010-9999",
        "kind": "capture_workstation",
        "serial": "219-09-9999",
        "facts": {"note": "serial 448812, 2600 patients", "patient_count": 2600},
    }
    assert (await msp.make(f"/organizations/{practice}/devices", said))["serial"] == "219-09-9999"


async def test_a_change_is_checked_too_but_only_what_is_new_in_it(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await let_pass(msp)
    device = await msp.make(f"/organizations/{practice}/devices", {"name": MRN, "kind": "laptop"})
    await refuse_again(msp)
    assert expect(await msp.patch(f"/devices/{device['id']}", {"owner": "MSP"}), 200)["name"] == MRN
    assert faults(await msp.patch(f"/devices/{device['id']}", {"owner": BIRTH})) == {
        ("/owner", "looks_like_patient_identifier")
    }


async def test_a_tenant_may_choose_to_be_warned(house: House) -> None:
    msp = await house.tenant()
    await let_pass(msp)
    practice = await house.organization(msp)
    device = await msp.make(f"/organizations/{practice}/devices", {"name": "PC", "kind": "laptop", "facts": {"note": MRN}})
    assert device["facts"]["note"] == MRN
    warnings = [each for each in await msp.all("/events") if each["kind"] == "device.patient_identifier_suspected"]
    assert [(each["subject"]["id"], each["changed"]) for each in warnings] == [(device["id"], ["facts"])]


async def let_pass(caller: Caller) -> None:
    expect(await caller.patch("/tenant", {"settings": {"patient_identifiers": "warn"}}), 200)


async def refuse_again(caller: Caller) -> None:
    expect(await caller.patch("/tenant", {"settings": {"patient_identifiers": None}}), 200)
