"""Evaluations: one organization of 150 devices in processor time, and a portfolio that one worker evaluates again, in
organizations per second, against the same rules over the same worlds without a database.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from domain.clock import new_id, today
from domain.database import tenant_session
from domain.inventory.devices import Device
from domain.inventory.kinds import DeviceKind
from domain.inventory.organizations import Organization
from domain.jobs import EVALUATE
from domain.people.tenants import Tenant
from domain.runtime import Runtime, database_targets, open_runtime
from domain.settings import Settings
from domain.sra.assessments import OpeningFields
from domain.sra.catalogue import catalogue
from domain.sra.opening import open_assessment
from domain.sra.re_evaluating import EvaluationsFields, ask_for_evaluations
from domain.sra.rules import evaluate
from domain.sra.world import Thing
from domain.tenancy import NOBODYS_TENANT, SYSTEM, Wall
from domain.worker import work
from tests.samples.practices import practice

DEVICES = 150
ORGANIZATIONS = int(os.environ.get("BITEWING_BENCH_ORGANIZATIONS", "2000"))
DEVICES_EACH = 12
ROUNDS = 5


def bench_one() -> tuple[str, str, str, str, str]:
    """118 rules over 150 devices and 60 flows, all facts known."""
    start = practice("harbor-group").world
    world = replace(start, assets=tuple(_copies(start.assets, DEVICES)), flows=tuple(_copies(start.flows, 60)))
    evaluate(world, catalogue())
    times: list[float] = []
    for _ in range(ROUNDS):
        began = time.process_time()
        evaluate(world, catalogue())
        times.append(time.process_time() - began)
    times.sort()
    middle = times[ROUNDS // 2]
    spread = f"{times[0]:.2f}/{times[-1]:.2f} s"
    return (f"Evaluation of {DEVICES} devices, CPU", f"{middle:.2f} s", "1.00 s (budget)", f"{1 / middle:.1f}", spread)


async def bench_portfolio(settings: Settings) -> tuple[str, str, str, str, str]:
    """Every organization of a portfolio evaluated again by one worker: reads, rules, findings, commit."""
    async with database_targets(settings) as targets, open_runtime(settings, targets) as runtime:
        tenant_id = await _furnish(runtime)
        await _evaluated(runtime, tenant_id)  # the first time writes the findings; the second is what comes again and again
        took = await _evaluated(runtime, tenant_id)
        alone = _rules_alone()
    rate = ORGANIZATIONS / took
    limit = 1 / alone
    what = f"Portfolio of {ORGANIZATIONS}, {DEVICES_EACH} devices each, one worker"
    return (what, f"{rate:.1f}/s", f"{limit:.1f}/s (rules alone)", f"{rate / limit:.2f}", f"{took:.0f} s in all")


async def _furnish(runtime: Runtime) -> UUID:
    tenant_id = new_id()
    async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=SYSTEM) as session:
        session.add(Tenant(id=tenant_id, name="Portfolio", trial_until=today() + timedelta(days=14)))
    for number in range(ORGANIZATIONS):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            organization = await session.save(Organization(name=f"Practice {number}"))
            session.add_all(
                Device(organization_id=organization.id, name=f"OP{place}", kind=DeviceKind.capture_workstation, facts=_FACTS)
                for place in range(DEVICES_EACH)
            )
            await session.flush()
            await open_assessment(session, organization, OpeningFields())
    return tenant_id


_FACTS = {"stores_ephi": True, "login_mode": "shared", "auto_logoff_minutes": 60, "users_local_admin": False}


async def _evaluated(runtime: Runtime, tenant_id: UUID) -> float:
    """Seconds from asking until the last job is done."""
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        await ask_for_evaluations(session, EvaluationsFields())
    stop = asyncio.Event()
    began = time.perf_counter()
    worker = asyncio.create_task(work(runtime, stop))
    while await _waiting(runtime):
        await asyncio.sleep(0.2)
    took = time.perf_counter() - began
    stop.set()
    await worker
    return took


async def _waiting(runtime: Runtime) -> bool:
    async with runtime.database.inside(Wall(NOBODYS_TENANT), read_only=True) as connection:
        found = await connection.exec_driver_sql("select exists (select from pgqueuer where entrypoint = $1)", (EVALUATE,))
        return bool(found.scalar_one())


def _rules_alone() -> float:
    """Seconds of one evaluation of a world of this size, without rows."""
    start = practice("lakeview-dental").world
    workstations = [each for each in start.assets if each.kind == "capture_workstation"]
    world = replace(start, assets=tuple(_copies(tuple(workstations), DEVICES_EACH)))
    began = time.perf_counter()
    for _ in range(20):
        evaluate(world, catalogue())
    return (time.perf_counter() - began) / 20


def _copies(rows: tuple[Thing, ...], count: int) -> Iterator[Thing]:
    for number in range(count):
        row = rows[number % len(rows)]
        yield replace(row, id=f"{row.id}-{number}")
