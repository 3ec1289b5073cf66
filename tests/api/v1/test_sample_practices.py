"""The proof over HTTP: three sample practices are imported, analysed and found exactly as a person worked them out.

The lists are closed: a finding that is not expected is as wrong as one that is missing. The order of the imports does not
matter, and neither does it matter which other practices the same service provider looks after.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from domain.database import tenant_session
from domain.inventory.organizations import Organization
from domain.sra.catalogue import catalogue
from domain.sra.world_rows import read_world
from domain.tenancy import SYSTEM, Wall
from domain.vendors.roster import roster
from tests.makers import Caller, House
from tests.samples.sending import sample, send, send_ninjaone, send_survey

PRACTICES = ("lakeview-dental", "harbor-group", "cedar-kids")
Step = Callable[[Caller, str, str], Awaitable[Any]]


async def tools(by: Caller, organization: str, practice: str) -> None:
    """The exports of the practice's management tools."""
    if practice != "harbor-group":
        await send_ninjaone(by, organization, practice)
        return
    datto = {"devices": sample(practice, "datto-devices.csv")}
    await send(by, organization, "datto-csv", datto, mapping={"columns": {"UDF 7": "encryption"}})
    await send(by, organization, "atera", {"devices": sample(practice, "atera-agents.json")})


async def survey(by: Caller, organization: str, practice: str) -> None:
    await send_survey(by, organization, practice)


def expected(practice: str) -> dict[str, Any]:
    return json.loads(sample(practice, "expected.json"))


@pytest.mark.parametrize("practice", PRACTICES)
@pytest.mark.parametrize("steps", [(tools, survey), (survey, tools)], ids=["tools first", "survey first"])
async def test_a_practice_is_found_as_expected(house: House, practice: str, steps: tuple[Step, ...]) -> None:
    msp = await house.tenant()
    organization = await house.organization(msp)
    for step in steps:
        await step(msp, organization, practice)
    await held_against_what_is_expected(house, msp, organization, practice)


async def test_three_practices_of_one_provider_do_not_color_each_other(house: House) -> None:
    """They share vendors by name, of which each knows something else."""
    msp = await house.tenant()
    organizations = {practice: await house.organization(msp) for practice in PRACTICES}
    for practice, organization in organizations.items():
        await tools(msp, organization, practice)
        await survey(msp, organization, practice)
    for practice, organization in organizations.items():
        await held_against_what_is_expected(house, msp, organization, practice)


async def held_against_what_is_expected(house: House, by: Caller, organization: str, practice: str) -> None:
    wanted = expected(practice)
    names = await survey_ids(by, organization, practice)
    as_of = json.loads(sample(practice, "imaging-survey.json"))["as_of_time"]
    assessment = (await by.make(f"/organizations/{organization}/assessments", {}))["id"]
    evaluated = (await by.make(f"/assessments/{assessment}/evaluation", {"as_of": as_of}))["assessment"]

    found = [each for each in await by.all(f"/organizations/{organization}/findings") if each["origin"] == "rule"]
    assert sorted((each["rule_id"], names[each["subject_id"]], each["level_code"], each["basis"]) for each in found) == sorted(
        (each["rule"], each["subject"], each["level"], each["basis"]) for each in wanted["findings"]
    )
    silent = {(each["rule_id"], names[each["subject_id"]]): each["missing_facts"] for each in found if each["missing_facts"]}
    assert silent == {(each["rule"], each["subject"]): each["facts"] for each in wanted["findings"] if each.get("facts")}
    unknown = {named(each["subject"], names): each["facts"] for each in evaluated["unknown_facts"]}
    assert unknown == {each["subject"]: each["facts"] for each in wanted["unknown_facts"]}
    undecided = [
        (each["rule"], each["missing"], sorted(named(one["subject"], names) for one in each["subjects"]))
        for each in evaluated["undetermined"]
    ]
    assert sorted(undecided) == sorted((each["rule"], each["missing"], each["subjects"]) for each in wanted["undetermined"])
    assert await decisions(house, by, organization, as_of, names) == {
        each["party"]: (each["decision"], each["role"], each["reason"], each.get("baa_state"), each.get("compliant"))
        for each in wanted["baa_decisions"]
    }
    runs = await by.all(f"/organizations/{organization}/imports")
    conflicts = [{**each, "subject": named(each["subject"], names)} for run in runs for each in run["conflicts"]]
    assert conflicts == wanted["conflicts"]
    assert runs[-1]["unmatched"] == wanted["unmatched_devices"]


async def survey_ids(by: Caller, organization: str, practice: str) -> dict[str, str]:
    """Our ids -> what the survey calls the same thing, as ``asset:op1``."""
    told = json.loads(sample(practice, "imaging-survey.json"))
    names = {organization: f"practice:{practice}"}
    tables = {
        "devices": "asset",
        "systems": "asset",
        "flows": "flow",
        "remote-accesses": "remote_access",
        "backups": "backup",
        "partners": "partner",
    }
    for path, word in tables.items():
        rows = await by.all(f"/organizations/{organization}/{path}")
        names |= {row["id"]: f"{word}:{row['ref']}" for row in rows if row["ref"]}
    vendors = {row["name"]: f"vendor:{row['id']}" for row in told["vendors"]}
    names |= {row["id"]: vendors[row["name"]] for row in await by.all("/vendors") if row["name"] in vendors}
    return names


def named(subject: str, names: dict[str, str]) -> str:
    return names[subject.partition(":")[2]]


async def decisions(house: House, by: Caller, organization: str, as_of: str, names: dict[str, str]) -> dict[str, Any]:
    async with tenant_session(house.runtime.database, Wall(by.tenant_id), actor=SYSTEM, read_only=True) as session:
        row = await session.fetch(Organization, UUID(organization))
        moment = datetime.fromisoformat(as_of)
        around = await read_world(session, row, as_of=moment, answers=(), catalogue=catalogue())
        parties = roster(around.world)
    return {
        named(each.party, names): (
            each.decision.decision,
            each.decision.role,
            each.decision.reason,
            each.baa_state,
            each.compliant,
        )
        for each in parties
    }
