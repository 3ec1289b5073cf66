"""A worker in a process of its own, which a test kills with SIGKILL between Stripe's answer and our commit.

Started as ``python -m tests.billing.worker_that_dies DATABASE_AS_JSON SETTINGS_AS_JSON PAYLOAD_AS_JSON``: does one push.
"""

import asyncio
import json
import sys

from billing.pushing import push
from domain.runtime import Targets, open_runtime
from domain.settings import load_settings


async def main() -> None:
    target, settings, payload = (json.loads(each) for each in sys.argv[1:4])
    async with open_runtime(load_settings(settings), Targets(app=target, owner=None)) as runtime:
        await push(runtime, payload)


if __name__ == "__main__":
    asyncio.run(main())
