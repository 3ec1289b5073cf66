"""The decision that a practice asks for first: does this vendor need a business associate agreement, and is there one?"""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from domain.access import Role
from domain.clock import today
from tests.makers import Caller, House, expect

NOTHING = {
    "creates_phi": False,
    "receives_phi": False,
    "maintains_phi": False,
    "transmits_phi": False,
    "remote_access": "none",
}


async def engaged(msp: Caller, practice: str, service: str, **facts: Any) -> dict[str, Any]:
    vendor = await msp.make("/vendors", {"name": f"Maker of {service}"})
    body = {"vendor_id": vendor["id"], "service": service, **facts}
    return await msp.make(f"/organizations/{practice}/engagements", body)


RULES: list[tuple[str, dict[str, Any], tuple[str, str, str]]] = [
    (
        "cloud_archive",
        {**NOTHING, "maintains_phi": True, "facts": {"no_view_encrypted": True}},
        ("required", "stores_ephi_without_the_key", "business_associate"),
    ),
    ("email", {**NOTHING, "maintains_phi": True}, ("required", "stores_ephi", "business_associate")),
    (
        "isp",
        {**NOTHING, "transmits_phi": True, "facts": {"transient_only": True}},
        ("not_required", "conduit", "conduit"),
    ),
    ("e_prescribing", NOTHING, ("required", "e_prescribing", "business_associate")),
    ("shredding", {**NOTHING, "receives_phi": True}, ("required", "handles_phi", "business_associate")),
    (
        "msp",
        {**NOTHING, "remote_access": "unattended", "can_view_ephi": True},
        ("required", "remote_view", "business_associate"),
    ),
    ("sensor_driver", NOTHING, ("not_required", "no_phi_no_access", "none")),
    (
        "cleaning",
        {**NOTHING, "facts": {"incidental_only": True}},
        ("not_required", "incidental_exposure", "none"),
    ),
    ("lab", {**NOTHING, "receives_phi": True}, ("needs_facts", "role_decision_missing", "undetermined")),
    ("voip", {**NOTHING, "maintains_phi": None}, ("needs_facts", "facts_missing", "undetermined")),
]


@pytest.mark.parametrize(("service", "facts", "expected"), RULES, ids=[rule[0] for rule in RULES])
async def test_the_rules(house: House, service: str, facts: dict[str, Any], expected: tuple[str, str, str]) -> None:
    msp = await house.tenant()
    decision = (await engaged(msp, await house.organization(msp), service, **facts))["baa_decision"]
    assert (decision["decision"], decision["reason_code"], decision["role"]) == expected
    assert decision["reason"]
    assert decision["citation"]
    assert decision["as_of"] == today().isoformat()
    if expected[0] == "required":
        assert (decision["baa_state"], decision["compliant"]) == ("none", False)
    else:
        assert (decision["baa_state"], decision["compliant"]) == (None, None)


async def test_what_nobody_said_is_unknown_and_named(house: House) -> None:
    msp = await house.tenant()
    decision = (await engaged(msp, await house.organization(msp), "new_gadget"))["baa_decision"]
    assert decision["decision"] == "needs_facts", "unknown is not no"
    assert decision["missing_facts"] == [
        "creates_phi", "receives_phi", "maintains_phi", "transmits_phi", "remote_access", "can_view_ephi",
    ]  # fmt: skip


async def test_while_facts_are_missing_the_usual_role_is_suggested_and_not_counted(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    archive = (await engaged(msp, practice, "cloud_archive"))["baa_decision"]
    assert (archive["decision"], archive["role"]) == ("needs_facts", "undetermined")
    assert (archive["usual"]["category"], archive["usual"]["role"]) == ("cloud_archive", "business_associate")
    lab = (await engaged(msp, practice, "lab"))["baa_decision"]["usual"]
    assert (lab["role"], lab["role_decision_required"]) == ("undetermined", True)
    filed = await msp.make("/vendors", {"name": "North Recall", "category": "cleaning"})
    unheard_of = {"vendor_id": filed["id"], "service": "something new"}
    by_vendor = await msp.make(f"/organizations/{practice}/engagements", unheard_of)
    assert by_vendor["baa_decision"]["usual"]["category"] == "cleaning"
    assert (await engaged(msp, practice, "something else"))["baa_decision"]["usual"] is None


async def test_a_driver_needs_an_agreement_from_the_day_that_remote_support_sees_patients(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    driver = await engaged(msp, practice, "sensor_driver", **NOTHING)
    assert driver["baa_decision"]["decision"] == "not_required"

    path = f"/engagements/{driver['id']}"
    half = expect(await msp.patch(path, {"remote_access": "attended"}), 200)["baa_decision"]
    assert (half["decision"], half["missing_facts"]) == ("needs_facts", ["can_view_ephi"])
    seen = expect(await msp.patch(path, {"can_view_ephi": True}), 200)["baa_decision"]
    assert (seen["decision"], seen["reason_code"], seen["compliant"]) == ("required", "remote_view", False)
    assert (await msp.get_json(path))["baa_decision"] == seen

    gone = expect(await msp.patch(path, {"remote_access": "none", "can_view_ephi": None}), 200)["baa_decision"]
    assert gone["decision"] == "not_required"


async def test_a_way_in_on_record_counts_for_more_than_what_is_said_of_the_engagement(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    driver = await engaged(msp, practice, "sensor_driver", **{**NOTHING, "can_view_ephi": False})
    path = f"/engagements/{driver['id']}"
    assert (await msp.get_json(path))["baa_decision"]["reason_code"] == "no_phi_no_access"

    fields = {"name": "Remote support", "vendor_id": driver["vendor_id"], "enabled": True}
    way = await msp.make(f"/organizations/{practice}/remote-accesses", {**fields, "facts": {"mode": "attended"}})
    assert (await msp.get_json(path))["baa_decision"]["reason_code"] == "access_without_view"
    seen = {"facts": {"mode": "attended", "can_view_ephi": True}}
    expect(await msp.patch(f"/remote-accesses/{way['id']}", seen), 200)
    assert (await msp.get_json(path))["baa_decision"]["reason_code"] == "remote_view"
    [gap] = (await msp.get_json("/engagements", params={"organization_id": practice, "compliant": False}))["data"]
    assert (gap["id"], gap["remote_access"], gap["baa_decision"]["compliant"]) == (driver["id"], "none", False)

    # Another engagement of the same vendor that speaks of remote access has it; this one has none again.
    support = {"vendor_id": driver["vendor_id"], "service": "modality_service", **NOTHING}
    await msp.make(f"/organizations/{practice}/engagements", {**support, "remote_access": "attended", "can_view_ephi": True})
    assert (await msp.get_json(path))["baa_decision"]["reason_code"] == "no_phi_no_access"
    expect(await msp.patch(f"/remote-accesses/{way['id']}", {"enabled": False}), 200)
    assert (await msp.get_json(path))["baa_decision"]["reason_code"] == "no_phi_no_access"


async def test_a_laboratory_waits_for_a_role_decision(house: House) -> None:
    msp = await house.tenant()
    lab = await engaged(msp, await house.organization(msp), "lab", **NOTHING)
    path = f"/engagements/{lab['id']}"
    assert lab["baa_decision"]["missing_facts"] == ["role_decision"]

    async def decide(role: str, day: str = "2026-04-02") -> Any:
        record = {"role": role, "decided_on": day, "decided_by": "security official"}
        return await msp.patch(path, {"facts": {"role_decision": record}})

    treats = expect(await decide("treatment_provider"), 200)
    assert (treats["baa_decision"]["decision"], treats["baa_decision"]["role"]) == ("not_required", "treatment_provider")
    acts = expect(await decide("business_associate"), 200)["baa_decision"]
    assert (acts["decision"], acts["reason"]) == ("required", "recorded role decision of 2026-04-02: acts for the practice")
    tomorrow = (today() + timedelta(days=1)).isoformat()
    assert expect(await decide("business_associate", tomorrow), 200)["baa_decision"]["decision"] == "needs_facts"

    for role, day, pointer in (
        ("buisness_associate", "2026-04-02", "/facts/role_decision/role"),
        ("undetermined", "2026-04-02", "/facts/role_decision/role"),
        ("conduit", "last spring", "/facts/role_decision/decided_on"),
    ):
        faults = expect(await decide(role, day), 422)["errors"]
        assert [each["pointer"] for each in faults] == [pointer]
    taken_back = await msp.patch(path, {"facts": {"role_decision": None}})
    assert expect(taken_back, 200)["baa_decision"]["decision"] == "needs_facts"


async def test_a_specialist_is_a_partner_and_no_vendor(house: House) -> None:
    """Who treats the patient stands among the partners. If one is engaged all the same, its role is what is decided."""
    msp = await house.tenant()
    practice = await house.organization(msp)
    await msp.make(f"/organizations/{practice}/partners", {"name": "Oral surgery office", "kind": "specialist"})
    assert await msp.all("/vendors") == []
    assert await msp.all(f"/organizations/{practice}/engagements") == []

    record = {"role_decision": {"role": "treatment_provider", "decided_on": "2026-01-05"}}
    engagement = await engaged(msp, practice, "specialist", **{**NOTHING, "receives_phi": True}, facts=record)
    decision = engagement["baa_decision"]
    assert (decision["decision"], decision["citation"]) == (
        "not_required",
        "160.103 business associate (4)(i); 164.502(b)(2)(i)",
    )


async def test_nothing_is_invented_for_a_new_organization(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    assert await msp.all(f"/organizations/{practice}/engagements") == []
    assert await msp.all(f"/organizations/{practice}/baas") == []


async def test_signing_closes_the_gap_and_archiving_opens_it(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    cloud = await engaged(msp, practice, "cloud_archive", maintains_phi=True)
    twin = await msp.make(
        f"/organizations/{other}/engagements",
        {"vendor_id": cloud["vendor_id"], "service": "cloud_archive", "maintains_phi": True},
    )

    async def standing(engagement: dict[str, Any] = cloud) -> tuple[str, bool]:
        decision = (await msp.get_json(f"/engagements/{engagement['id']}"))["baa_decision"]
        return decision["baa_state"], decision["compliant"]

    assert await standing() == ("none", False)
    baa = await msp.make(f"/organizations/{practice}/baas", {"vendor_id": cloud["vendor_id"]})
    assert await standing() == ("draft", False)
    signers = [{"party": "covered_entity", "name": "Dr. Lake", "title": "Owner"}]
    signature = {"signed_on": today().isoformat(), "signers": signers}
    await msp.make(f"/baas/{baa['id']}/signature", signature)
    assert await standing() == ("executed", True)
    assert await standing(twin) == ("none", False), "an agreement is one organization's"

    soon = (today() + timedelta(days=60)).isoformat()
    expect(await msp.patch(f"/baas/{baa['id']}", {"end_on": soon}), 200)
    assert await standing() == ("expiring", True)
    assert (await msp.delete(f"/baas/{baa['id']}")).status_code == 204
    assert await standing() == ("none", False)


async def test_what_somebody_believes_to_be_on_file_is_unknown(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    cloud = await engaged(msp, practice, "cloud_archive", maintains_phi=True, vendor_facts={"baa_on_file": "unknown"})
    assert cloud["baa_decision"]["baa_state"] == "unknown"
    assert cloud["baa_decision"]["compliant"] is False


async def test_an_ended_engagement_is_neither_compliant_nor_not(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    yesterday = (today() - timedelta(days=1)).isoformat()
    old = await engaged(msp, practice, "cloud_archive", maintains_phi=True, ended_on=yesterday)
    assert (old["baa_decision"]["decision"], old["baa_decision"]["compliant"]) == ("required", None)
    last_day = await engaged(msp, practice, "backup", maintains_phi=True, ended_on=today().isoformat())
    assert last_day["baa_decision"]["compliant"] is False


async def test_the_list_finds_the_gaps_page_by_page(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/engagements"
    gaps: list[str] = []
    for number in range(9):
        kind = number % 3
        facts: dict[str, Any] = ({"maintains_phi": True}, NOTHING, {})[kind]
        made = await engaged(msp, practice, f"service-{number}", **facts)
        if kind == 0:
            gaps.append(made["service"])
    covered = await engaged(msp, practice, "backup", maintains_phi=True)
    await msp.make(f"/organizations/{practice}/baas", {"vendor_id": covered["vendor_id"], "signed_on": "2026-01-05"})

    async def found(**filters: Any) -> list[str]:
        services: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = await msp.get_json(path, params={"limit": 2, **filters, **after})
            assert len(page["data"]) <= 2
            services += [each["service"] for each in page["data"]]
            if page["next"] is None:
                return services
            after = {"after": page["next"]}

    assert len(await found()) == 10
    assert await found(baa_required="true") == [*gaps, "backup"]
    assert await found(baa_required="true", compliant="false") == gaps
    assert await found(compliant="true") == ["backup"]
    assert await found(baa_required="false") == ["service-1", "service-4", "service-7"], "unknown is not among them"
    assert await found(decision="needs_facts") == ["service-2", "service-5", "service-8"]
    assert await found(vendor_id=covered["vendor_id"]) == ["backup"]
    assert (await msp.get_json(path, params={"limit": 200}))["data"][-1] == await msp.get_json(f"/engagements/{covered['id']}")


async def test_a_long_list_takes_no_more_statements_than_a_short_one(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    async def statements() -> int:
        sent.clear()
        await msp.get_json(f"/organizations/{practice}/engagements")
        return len(sent)

    engine = house.runtime.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await engaged(msp, practice, "email", maintains_phi=True)
        short = await statements()
        for number in range(10):
            await engaged(msp, practice, f"service-{number}", maintains_phi=True)
        assert await statements() == short > 0
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("cursor", ["nonsense", "e30=", "Im5vIGlkIg==", "%00", "é"])
async def test_a_cursor_that_no_page_gave_out_is_refused(house: House, cursor: str) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    answer = await msp.get(f"/organizations/{practice}/engagements", params={"after": cursor})
    assert [each["pointer"] for each in expect(answer, 422)["errors"]] == ["query/after"]


async def test_another_tenants_vendor_cannot_be_engaged(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    practice = await house.organization(msp)
    theirs = await stranger.make("/vendors", {"name": "Theirs"})
    for path in ("engagements", "baas"):
        body = {"vendor_id": theirs["id"], **({"service": "email"} if path == "engagements" else {})}
        answer = await msp.post(f"/organizations/{practice}/{path}", body)
        assert [(each["pointer"], each["code"]) for each in expect(answer, 422)["errors"]] == [
            ("/vendor_id", "unknown_reference")
        ]
    mine = await engaged(msp, practice, "email")
    moved = await msp.patch(f"/engagements/{mine['id']}", {"vendor_id": theirs["id"]})
    assert [each["pointer"] for each in expect(moved, 422)["errors"]] == ["/vendor_id"]


async def test_facts_that_cannot_be_are_named(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    vendor = await msp.make("/vendors", {"name": "Cloud"})

    async def faults(**fields: Any) -> set[tuple[str, str]]:
        body = {"vendor_id": vendor["id"], "service": "email", **fields}
        answer = await msp.post(f"/organizations/{practice}/engagements", body)
        return {(each["pointer"], each["code"]) for each in expect(answer, 422)["errors"]}

    assert await faults(started_on="2026-02-01", ended_on="2026-01-31", vendor_facts={"baa_on_file": "maybe"}) == {
        ("/ended_on", "before_start"),
        ("/vendor_facts/baa_on_file", "not_allowed"),
    }
    assert await faults(facts={"maintains_phi": False, "incidental_only": "yes"}) == {
        ("/facts/maintains_phi", "has_its_own_field"),
        ("/facts/incidental_only", "wrong_type"),
    }
    assert await faults(vendor_facts={"hipaa_role": "none"}) == {("/vendor_facts/hipaa_role", "computed")}


async def test_narrowed_principals_see_their_own_organizations_only(house: House) -> None:
    msp = await house.tenant()
    mine, other = await house.organization(msp), await house.organization(msp)
    seen = await engaged(msp, mine, "email", maintains_phi=True)
    hidden = await engaged(msp, other, "cloud_archive", maintains_phi=True)
    manager = await house.member(msp, Role.practice_admin, organizations=[mine])

    assert [each["id"] for each in await manager.all(f"/organizations/{mine}/engagements")] == [seen["id"]]
    assert (await manager.get(f"/organizations/{other}/engagements")).status_code == 404
    assert (await manager.get(f"/engagements/{hidden['id']}")).status_code == 404
    assert (await manager.patch(f"/engagements/{hidden['id']}", {"service": "x"})).status_code == 404
    body = {"vendor_id": hidden["vendor_id"], "service": "cloud_archive"}
    assert (await manager.post(f"/organizations/{other}/engagements", body)).status_code == 404
    await manager.make(f"/organizations/{mine}/engagements", body)

    member = await house.member(msp, Role.practice_member, organizations=[mine])
    assert (await member.get(f"/organizations/{mine}/engagements")).status_code == 403
