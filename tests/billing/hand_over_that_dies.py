"""A worker in a process of its own that is killed by SIGKILL while it hands a practice over.

Started as ``python -m tests.billing.hand_over_that_dies WHERE DATABASE_AS_JSON SETTINGS_AS_JSON PAYLOAD_AS_JSON``. ``carried``:
its files are copied; ``moved``: every row has moved and nothing is committed; ``committed``: that transaction is; ``settled``:
its cover has begun and is not committed.
"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

from billing import handing_over
from domain.people import transfers
from domain.runtime import Targets, open_runtime
from domain.settings import load_settings


async def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    where = sys.argv[1]
    target, settings, payload = (json.loads(each) for each in sys.argv[2:5])
    match where:
        case "carried":
            handing_over._move = die  # pyright: ignore[reportPrivateUsage]  the point at which it dies
        case "moved":
            move = transfers.move

            async def move_and_die(*said: Any, **more: Any) -> None:
                await move(*said, **more)
                await die()

            transfers.move = move_and_die
        case "committed":
            handing_over._settle_in = die  # pyright: ignore[reportPrivateUsage]  the point at which it dies
        case _:
            handing_over.sort_into_groups = die
    async with open_runtime(load_settings(settings), Targets(app=target, owner=None)) as runtime:
        await handing_over.hand_over(runtime, payload)


if __name__ == "__main__":
    asyncio.run(main())
