"""Systems over HTTP: software and cloud services."""

from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import House


async def test_a_system_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    vendor = await msp.make("/vendors", {"name": "Cloud Images Inc."})
    said = {
        "name": "Image cloud",
        "kind": "cloud_archive",
        "vendor_id": vendor["id"],
        "hosted_by_vendor": True,
        "facts": {"mfa": "optional", "internet_exposed": True, "open_ports": [443]},
    }
    made = await it_lives(
        msp, f"/organizations/{practice}/systems", "/systems", said, {"encryption_at_rest": "volume", "owner": "MSP"}
    )
    assert made["encryption_at_rest"] is None, "unknown is not no"
    assert made["status"] == "active"
    assert made["provenance"]["mfa"]["source"] == "person"


async def test_a_system_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    said = {"name": "Mail", "kind": "email_system"}
    await it_is_behind_both_walls(house, msp, "/organizations/{}/systems", "/systems", said)


async def test_systems_are_filtered(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/systems"
    await msp.make(path, {"name": "Mail", "kind": "email_system", "product": "Exchange Online"})
    await msp.make(path, {"name": "Archive", "kind": "cloud_archive", "status": "retired"})

    async def names(**filters: str) -> list[str]:
        return [system["name"] for system in (await msp.get_json(path, params=filters))["data"]]

    assert await names() == ["Archive", "Mail"]
    assert await names(kind="email_system") == ["Mail"]
    assert await names(status="retired") == ["Archive"]
    assert await names(q="exchange") == ["Mail"]
    assert await names(sort="-name") == ["Mail", "Archive"]


async def test_facts_of_a_system_are_those_of_its_kind(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    facts = {"login_mode": "shared", "mfa": "sometimes", "vendor": "x", "hosted_by_vendor": True}
    refused = await msp.post(f"/organizations/{practice}/systems", {"name": "Mail", "kind": "email_system", "facts": facts})
    assert faults(refused) == {
        ("/facts/login_mode", "not_for_kind"),
        ("/facts/mfa", "not_allowed"),
        ("/facts/vendor", "has_its_own_field"),
        ("/facts/hosted_by_vendor", "has_its_own_field"),
    }


async def test_the_vendor_of_a_system_is_one_of_the_tenants(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    theirs = await stranger.make("/vendors", {"name": "Theirs"})
    practice = await house.organization(msp)
    said = {"name": "Mail", "kind": "email_system", "vendor_id": theirs["id"]}
    assert faults(await msp.post(f"/organizations/{practice}/systems", said)) == {("/vendor_id", "unknown_reference")}
