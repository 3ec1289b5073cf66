"""The wall between tenants, read from the live catalog: it holds for tables that nobody has thought of yet, too."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from domain.clock import new_id
from domain.runtime import Targets
from tests.house.catalog import Eyes
from tests.house.full import FullHouse
from tests.makers import House, make_assessment

OUTSIDE = {
    "tenant": "is the wall itself",
    "stripe_event": "whose an event of Stripe is, only its object tells",
    "person": "one human may have seats in several tenants",
    "web_origin": "a browser asks before it sends anything that names a tenant",
    "seat": "names the tenants of a person, so that they can sign in to one of them",
    "one_use_link": "belongs to a person",
    "second_factor": "belongs to a person",
    "recovery_code": "belongs to a person",
    "alembic_version": "the number of the schema",
    "pgqueuer": "jobs hold ids only",
    "pgqueuer_log": "jobs hold ids only",
    "pgqueuer_schedules": "jobs hold ids only",
    "pgqueuer_statistics": "jobs hold ids only",
}
TABLES = """
    select c.relname as name, c.relkind = 'p' as partitioned, c.relispartition as partition,
        c.relrowsecurity as walled, c.relforcerowsecurity as forced,
        exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') as owned,
        exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'organization_id' and a.attnotnull)
            or c.relname = 'organization' as of_organization,
        has_table_privilege('bitewing_app', c.oid, 'select, insert, update, delete') as usable
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1"""
POLICIES = "select tablename, policyname, permissive, roles, cmd, qual, with_check from pg_policies where schemaname = 'public'"
INDEXES = """
    select i.indexrelid::regclass::text as name, i.indrelid::regclass::text as of_table, i.indisprimary as is_primary,
        (select array_agg(coalesce(a.attname, '')::text order by k.place)
         from unnest(i.indkey::int[]) with ordinality as k (number, place)
         left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number and k.number > 0) as columns
    from pg_index i join pg_class c on c.oid = i.indrelid
    where c.relnamespace = 'public'::regnamespace and i.indisunique"""
FOREIGN_KEYS = """
    select conname as name, conrelid::regclass::text as child, confrelid::regclass::text as parent,
        (select array_agg(attname::text order by k.place) from unnest(conkey) with ordinality as k (number, place)
         join pg_attribute on attrelid = conrelid and attnum = k.number) as columns,
        (select array_agg(attname::text order by k.place) from unnest(confkey) with ordinality as k (number, place)
         join pg_attribute on attrelid = confrelid and attnum = k.number) as targets
    from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace"""


@pytest_asyncio.fixture(scope="module")
async def tables(eyes: Eyes) -> dict[str, Any]:
    return {row["name"]: row for row in await eyes.connection.fetch(TABLES)}


@pytest_asyncio.fixture
async def as_app(targets: Targets) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The application's role on a bare connection: no tenant set."""
    connection = await asyncpg.connect(**targets.app)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def as_owner(targets: Targets) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await targets.connect_as_owner()
    yield connection
    await connection.close()


def test_what_stands_outside_is_meant_to(tables: dict[str, Any]) -> None:
    assert {name for name, table in tables.items() if not table["owned"]} == OUTSIDE.keys()


async def test_every_table_of_a_tenant_is_forced_behind_a_policy(tables: dict[str, Any], eyes: Eyes) -> None:
    policies: dict[str, list[Any]] = {}
    for policy in await eyes.connection.fetch(POLICIES):
        policies.setdefault(policy["tablename"], []).append(policy)
    for name, table in tables.items():
        if not table["owned"]:
            continue
        assert (table["walled"], table["forced"]) == (True, True), name
        [policy] = policies[name]
        assert (policy["permissive"], policy["roles"], policy["cmd"]) == ("PERMISSIVE", ["public"], "ALL"), name
        for said in (policy["qual"], policy["with_check"]):
            assert "tenant_id = (NULLIF(current_setting('app.tenant_id'" in said, name
            assert "select" not in said.lower(), f"{name}: a distributed Postgres refuses a sub-select in a policy"
        if table["of_organization"]:
            assert "app.organization_ids" in policy["qual"], f"{name} lacks the second wall"
            assert "app.organization_ids" in policy["with_check"], f"{name} lacks the second wall"


async def test_keys_begin_with_the_tenant(tables: dict[str, Any], eyes: Eyes) -> None:
    """So that what is unique is unique within a tenant: otherwise a conflict would tell of another one's rows."""
    indexes = [index for index in await eyes.connection.fetch(INDEXES) if tables[index["of_table"]]["owned"]]
    assert {index["name"] for index in indexes if index["columns"][0] != "tenant_id"} == set()
    assert {index["of_table"] for index in indexes if index["is_primary"]} == {
        name for name, table in tables.items() if table["owned"]
    }


async def test_foreign_keys_carry_the_tenant_and_the_organization(tables: dict[str, Any], eyes: Eyes) -> None:
    """Postgres checks them behind row security: a plain one accepts another tenant's parent."""
    keys = [each for each in await eyes.connection.fetch(FOREIGN_KEYS) if each["parent"] not in OUTSIDE]
    assert keys
    for key in keys:
        carried = dict(zip(key["columns"], key["targets"], strict=True))
        assert carried.get("tenant_id") == "tenant_id", key["name"]
        if tables[key["child"]]["of_organization"] and tables[key["parent"]]["of_organization"]:
            assert carried.get("organization_id") in {"organization_id", "id"}, key["name"]


async def test_every_table_of_a_tenant_names_a_tenant_that_is_there(tables: dict[str, Any], eyes: Eyes) -> None:
    keys = await eyes.connection.fetch(FOREIGN_KEYS)
    children = {key["child"] for key in keys if key["parent"] == "tenant" and key["columns"] == ["tenant_id"]}
    without = {name for name, table in tables.items() if table["owned"] and not table["partition"]} - children
    assert without == {"kept_answer", "mail"}, "which serve people who have no tenant yet as well"


async def test_the_applications_role_is_nobody(eyes: Eyes) -> None:
    powers = await eyes.connection.fetchrow("""
        select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
            exists (select from pg_auth_members where member = r.oid) as belongs,
            exists (select from pg_shdepend where refobjid = r.oid and deptype = 'o') as owns,
            has_schema_privilege(r.oid, 'public', 'create') as makes_tables,
            has_database_privilege(r.oid, current_database(), 'create') as makes_schemas
        from pg_roles r where rolname = 'bitewing_app'""")
    assert powers is not None
    assert not any(powers.values()), dict(powers)


@pytest.mark.parametrize(
    "statement",
    [
        "create table public.loot (id int)",
        "alter table device disable row level security",
        "alter table device no force row level security",
        "drop policy wall on device",
        "alter policy wall on device using (true)",
        "create policy hole on device using (true)",
        "alter table device disable trigger all",
        "truncate device",
        "truncate event",
        "drop table device",
        "set role bitewing_owner",
        "set session_replication_role = replica",
        "update event set kind = 'x'",
        "delete from event",
        "delete from tenant",
        "delete from person",
        "create function public.f() returns int language sql as 'select 1'",
        "copy device to program 'cat'",
    ],
)
async def test_the_applications_role_may_not(as_app: "asyncpg.Connection[asyncpg.Record]", statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_app.execute(statement)


async def test_partitions_are_reached_through_their_parent_only(tables: dict[str, Any]) -> None:
    partitions = [table for table in tables.values() if table["partition"]]
    assert len(partitions) > 12, "a month each, and one for all others"
    assert not any(table["usable"] for table in partitions)


async def test_without_a_tenant_nothing_is_seen(
    tables: dict[str, Any], theirs: FullHouse, eyes: Eyes, as_app: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    there = await eyes.rows_of(theirs.owner.tenant_id)
    for setting in (None, "", str(new_id())):
        if setting is not None:
            await as_app.execute("select set_config('app.tenant_id', $1, false)", setting)
        for name in reachable(tables):
            assert await as_app.fetchval(f"select count(*) from {name}") == 0, name
    assert {name for name in reachable(tables) if there[name]} >= {"device", "vendor", "event", "member", "api_key"}


async def test_without_its_tenant_nothing_is_written(
    tables: dict[str, Any], theirs: FullHouse, mine: FullHouse, as_app: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    foreign = theirs.owner.tenant_id
    for setting in ("", str(mine.owner.tenant_id)):
        await as_app.execute("select set_config('app.tenant_id', $1, false)", setting)
        for name in reachable(tables):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await as_app.execute(f"insert into {name} (tenant_id) values ($1)", foreign)
            if name != "event":
                for change in (f"update {name} set tenant_id = tenant_id", f"delete from {name}"):
                    touched = await as_app.execute(f"{change} where tenant_id = $1", foreign)
                    assert touched.endswith(" 0"), f"{change}: {touched}"


async def test_a_row_cannot_move_to_another_tenant(
    theirs: FullHouse, mine: FullHouse, as_app: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await as_app.execute("select set_config('app.tenant_id', $1, false)", str(mine.owner.tenant_id))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await as_app.execute("update vendor set tenant_id = $1", theirs.owner.tenant_id)


async def test_the_narrowed_see_and_write_their_organizations_only(
    tables: dict[str, Any], theirs: FullHouse, as_app: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await as_app.execute("select set_config('app.tenant_id', $1, false)", str(theirs.owner.tenant_id))
    await as_app.execute("select set_config('app.organization_ids', $1, false)", theirs.other_organization)
    assert [row["id"] for row in await as_app.fetch("select id from organization")] == [UUID(theirs.other_organization)]
    for name in reachable(tables):
        if tables[name]["of_organization"] and name != "organization":
            others = f"select count(*) from {name} where organization_id <> $1"
            assert await as_app.fetchval(others, UUID(theirs.other_organization)) == 0, name
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await as_app.execute(
                    f"insert into {name} (tenant_id, organization_id) values ($1, $2)",
                    theirs.owner.tenant_id,
                    theirs.organization_id,
                )


def reachable(tables: dict[str, Any]) -> list[str]:
    return [name for name, table in tables.items() if table["owned"] and not table["partition"]]


@pytest.mark.parametrize("statement", ["update event set kind = 'x'", "delete from event", "update event set hash = hash"])
async def test_what_happened_cannot_be_undone_even_by_the_owner(
    theirs: FullHouse, as_owner: "asyncpg.Connection[asyncpg.Record]", statement: str
) -> None:
    await as_owner.execute("select set_config('app.tenant_id', $1, false)", str(theirs.owner.tenant_id))
    assert await as_owner.fetchval("select count(*) from event") > 0
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await as_owner.execute(statement)


async def test_what_is_sealed_cannot_be_changed_even_by_the_owner(
    house: House, as_owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    msp = await house.tenant()
    assessment = UUID((await make_assessment(msp, await house.organization(msp)))["id"])
    await as_owner.execute("select set_config('app.tenant_id', $1, false)", str(msp.tenant_id))
    seal = "update assessment set status = 'sealed', sealed_at = now(), sealed_sha256 = 'x', dataset = '{}' where id = $1"
    assert await as_owner.execute(seal, assessment) == "UPDATE 1"
    assert await as_owner.fetchval("select count(*) from answer where assessment_id = $1", assessment) > 100
    for statement in (
        "update assessment set title = 'Another' where id = $1",
        "update assessment set dataset = '{\"findings\": []}' where id = $1",
        "update assessment set status = 'open' where id = $1",
        "update assessment set sealed_sha256 = 'y', status = 'superseded' where id = $1",
        "delete from assessment where id = $1",
        "update answer set state = 'yes' where assessment_id = $1",
        "delete from answer where assessment_id = $1",
        "insert into answer select (jsonb_populate_record(answer, jsonb_build_object('id', gen_random_uuid()))).* from answer"
        " where assessment_id = $1 limit 1",
    ):
        with pytest.raises(asyncpg.RestrictViolationError, match="sealed analysis"):
            await as_owner.execute(statement, assessment)
    ended = "update assessment set status = 'superseded', in_force_until = '2026-12-31' where id = $1"
    assert await as_owner.execute(ended, assessment) == "UPDATE 1", "it may be followed by the next one"
