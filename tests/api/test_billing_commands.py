"""``bitewing billing`` as its operator uses it, against an installation that serves meanwhile."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.makers import House, expect

PROJECT = Path(__file__).parents[2]


async def bitewing(house: House, *arguments: str) -> tuple[int, str, str]:
    """The command beside the program that runs, over the same data: its exit code, what it said, and what it complained of."""
    environment = {**os.environ, "BITEWING_DATA_DIR": str(house.runtime.settings.data_dir)}
    command = (sys.executable, "-m", "api.cli", "billing", *arguments)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, env=environment, stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_discount_is_approved_and_the_revenue_is_added_up(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said: dict[str, Any] = {"recipient_email": "ada@practice.example.com"}
    said |= {"locations": 3, "organization_id": practice, "discount_percent": 10, "discount_reason": "First customer"}
    made = (await msp.make("/quotes", said))["id"]
    refused = expect(await msp.post(f"/quotes/{made}/finalization"), 409)
    command = refused["detail"].split("`")[1].removeprefix("bitewing billing ").split()
    code, out, err = await bitewing(house, *command)
    assert (code, "10 % off" in out) == (0, True), err
    await msp.make(f"/quotes/{made}/finalization", None)

    quote_id, token = (await msp.make(f"/quotes/{made}/sending", None))["url"].split("#")[1].split(".")
    await msp.make(f"/quotes/{quote_id}/acceptance", {"token": token, "name": "Ada", "title": "Owner"})
    code, out, err = await bitewing(house, "overview")
    assert code == 0, err
    found = json.loads(out)
    assert found["tenants"] >= 1 and found["arr_cents"] >= 3 * 40_410

    code, out, err = await bitewing(house, "sync")
    assert (code, "BITEWING_STRIPE_API_KEY" in out + err) == (1, True)
