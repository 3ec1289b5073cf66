"""Readiness for the rule that is proposed: forty parameters as data, never mixed into a level, and in force by an edit."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from domain.database import tenant_session
from domain.inventory.organizations import Organization
from domain.sra import catalogue as catalogue_package
from domain.sra.catalogue import CURRENT, CatalogueError, catalogue, load
from domain.sra.readiness import read_readiness
from domain.tenancy import SYSTEM, Wall
from tests.makers import House, expect, make_assessment, make_device

EDITION = Path(catalogue_package.__file__).parent / CURRENT


async def test_every_parameter_stands_with_its_source_and_what_is_known(house: House) -> None:
    msp = await house.tenant()
    organization = await house.organization(msp)
    path = f"/organizations/{organization}/readiness"
    nothing = await msp.get_json(path)
    assert len(nothing["parameters"]) == 40
    assert (nothing["rule"]["status"], nothing["rule"]["label"]) == ("proposed", "proposed, not law")
    assert (nothing["rule"]["effective_on"], nothing["rule"]["compliance_on"]) == (None, None)
    assert sum(nothing["counts"].values()) == 40
    assert nothing["counts"]["ready"] == 0, "an empty inventory is ready for nothing"
    for each in nothing["parameters"]:
        assert (each["status"], each["label"]) == ("proposed", "proposed, not law")
        assert each["source"]
        assert each["as_of"]
        assert each["because"]
    keyed = {each["key"]: each for each in nothing["parameters"]}
    assert (keyed["restore_72h"]["value"], keyed["restore_72h"]["unit"]) == (72, "hours")
    assert keyed["training"]["value"] is None
    assert "value" in keyed["training"]["withheld"]
    assert (keyed["effective"]["state"], keyed["group_health_plan"]["state"]) == ("not_measured", "not_applicable")

    await make_device(
        msp, organization, name="IMG", kind="imaging_server", encryption_at_rest="none", facts={"stores_ephi": True}
    )
    opened = await make_assessment(msp, organization)
    await msp.make(f"/assessments/{opened['id']}/evaluation", {})
    levels = [(each["rule_id"], each["level"]) for each in await msp.all(f"/organizations/{organization}/findings")]
    for topic in ("RDY-02", "RDY-03"):
        said = {"state": "met", "rationale": "So they say."}
        expect(await msp.put(f"/assessments/{opened['id']}/answers/{topic}", said), 200)
    keyed = {each["key"]: each for each in (await msp.get_json(path))["parameters"]}
    assert keyed["encryption"]["state"] == "not_ready", "a recorded fact counts more than a word"
    assert "IMG" in " ".join(keyed["encryption"]["because"])
    assert keyed["mfa"]["state"] in ("ready", "unknown")
    await msp.make(f"/assessments/{opened['id']}/evaluation", {})
    again = [(each["rule_id"], each["level"]) for each in await msp.all(f"/organizations/{organization}/findings")]
    assert again == levels, "readiness raises no risk and changes no level"


def edited(folder: Path, **changes: str) -> Path:
    """The current edition with lines of the proposed rule said otherwise."""
    target = folder / CURRENT
    shutil.copytree(EDITION, target)
    text = (target / "proposed.toml").read_text("utf-8")
    for before, after in changes.items():
        text = text.replace(f'\n{before} = "proposed"\ntitle', f"\n{after}\ntitle", 1)
    (target / "proposed.toml").write_text(text, "utf-8")
    return target


async def test_a_final_rule_comes_into_force_by_an_edit_of_data(house: House, tmp_path: Path) -> None:
    published = date(2027, 1, 4)
    book = load(edited(tmp_path, status=f'status = "final"\nfinal_published_on = {published}'))
    msp = await house.tenant()
    organization = await house.organization(msp)

    async def on(day: date) -> tuple[str, set[str], date | None]:
        async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM, read_only=True) as session:
            row = await session.fetch(Organization, UUID(organization))
            moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            found = await read_readiness(session, row, book=book, as_of=moment)
        return found.standing.status, {each.status for each in found.parameters}, found.standing.compliance_on

    assert await on(date(2027, 1, 3)) == ("proposed", {"proposed"}, None)
    assert await on(published) == ("final_pending", {"final_pending"}, date(2027, 9, 1))
    assert await on(date(2027, 8, 31)) == ("final_pending", {"final_pending"}, date(2027, 9, 1))
    assert await on(date(2027, 9, 1)) == ("in_force", {"in_force"}, date(2027, 9, 1)), "240 days after publication"
    assert book.proposed_rule.effective_on(published) == date(2027, 3, 5)
    assert catalogue().proposed_rule.standing(date(2040, 1, 1)).status == "proposed", "no date makes a proposal law"


def test_a_final_rule_without_its_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="has the day on which it was published"):
        load(edited(tmp_path, status='status = "final"'))
