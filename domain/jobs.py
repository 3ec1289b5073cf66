"""Work for later, queued in the transaction that asks for it: a roll-back takes the job with it.

Job rows stand outside the wall and hold ids only; what a job is *about* is state of our own walled tables, so the queue
could be rebuilt from them.
"""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from domain.tenancy import TenantSession

FAN_OUT = "webhooks.fan_out"
DELIVER = "webhooks.deliver"


def enqueue(session: TenantSession, job: str, *, after: timedelta | None = None, **ids: UUID | int | str) -> None:
    """Ask for ``job`` with these ids, not before ``after`` has passed; written when the session commits."""
    payload: dict[str, Any] = {"tenant_id": str(session.tenant_id)}
    payload.update({name: value if isinstance(value, int) else str(value) for name, value in ids.items()})
    session.jobs.append((job, payload, after))


async def enqueue_jobs(session: TenantSession) -> None:
    """Write the collected jobs with our own connection, inside the open transaction."""
    if not session.jobs:
        return
    queue = Queries(AsyncpgDriver(await session.driver()))
    await queue.enqueue(
        [name for name, _, _ in session.jobs],
        [json.dumps(payload).encode() for _, payload, _ in session.jobs],
        [0] * len(session.jobs),
        [after for _, _, after in session.jobs],
    )
    session.jobs.clear()
