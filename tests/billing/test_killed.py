"""``kill -9`` between our call to Stripe and our commit: neither a double charge nor a lost subscription."""

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from billing.pushing import push
from domain.runtime import Targets
from tests.billing.calendar import Calendar
from tests.billing.stripe_world import World
from tests.billing.test_quotes import SAYS_YES, make_quote, sent
from tests.billing.test_stripe import TRIAL
from tests.makers import Caller, expect

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
"""Stripe's library speaks to httpx in a way that httpx advises against."""
PROJECT = Path(__file__).parents[2]


async def come_to_the_call(world: World, calendar: Calendar, deadly: str) -> Caller:
    """Until the next job makes it."""
    msp = await world.house.tenant()
    if "quotes" in deadly:
        quote = (await make_quote(msp))["id"]
        token = await sent(msp, quote)
        await world.work()
        expect(await msp.http.post(f"/v1/quotes/{quote}/acceptance", json={"token": token, **SAYS_YES}), 201)
    else:
        for _ in range(2):
            practice = await world.house.organization(msp)
            await msp.make(f"/organizations/{practice}/subscription", {})
        if deadly != "POST /v1/customers":
            await world.work()
        calendar.turn_to(calendar.day + TRIAL + TRIAL)
        await calendar.close_books(msp)
    if "invoice" in deadly:
        await world.work()
        joining = await world.house.organization(msp)
        await msp.make(f"/organizations/{joining}/subscription", {})
        await world.work()
        calendar.turn_to(calendar.day + TRIAL + TRIAL + TRIAL)
        world.stripe.pass_days(calendar.day)
        await calendar.close_books(msp)
    return msp


@pytest.mark.parametrize(
    "deadly",
    [
        "POST /v1/customers",
        "POST /v1/subscriptions",
        "POST /v1/invoiceitems",
        "POST /v1/invoices",
        "POST /v1/quotes/{id}/accept",
    ],
)
async def test_killed_after_the_call_and_before_the_commit(
    world: World, calendar: Calendar, targets: Targets, deadly: str
) -> None:
    msp = await come_to_the_call(world, calendar, deadly)
    queued = await world.queued()
    [payload] = [payload for name, payload in queued if name == "billing.push"][:1]

    killed = asyncio.Event()
    process: asyncio.subprocess.Process | None = None

    async def kill(done: str) -> None:
        """Stripe has done it; its answer never arrives."""
        if re.sub(r"/qt_\w+", "/{id}", done) == deadly and not killed.is_set():
            assert process is not None
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            killed.set()

    world.stripe.before_answer = kill
    settings = world.runtime.settings
    said = {
        "data_dir": str(settings.data_dir),
        "stripe_api_key": "sk_test_fake",
        "stripe_api_base": settings.stripe_api_base,
    }
    command = (sys.executable, "-m", "tests.billing.worker_that_dies", json.dumps(dict(targets.app)), json.dumps(said))
    process = await asyncio.create_subprocess_exec(*command, json.dumps(payload), cwd=PROJECT)
    await asyncio.wait_for(process.wait(), 60)
    assert killed.is_set(), "it was killed at the right moment"
    assert process.returncode == -signal.SIGKILL

    world.stripe.before_answer = None
    await push(world.runtime, payload)
    await push(world.runtime, payload)
    await world.deliver_new()
    await world.work()
    made = {kind: len(each) for kind, each in world.stripe.things.items()}
    assert (made["customer"], made["subscription"]) == (1, 1)
    invoices = await msp.all("/invoices")
    assert len(invoices) == made["invoice"] == (2 if "invoice" in deadly else 1)
    assert sorted(each["total_cents"] for each in invoices) == sorted(
        each["total"] for each in world.stripe.things["invoice"].values()
    )
    if "invoice" in deadly:
        assert made["invoiceitem"] == 1
