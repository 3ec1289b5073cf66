"""Work for later, queued in the transaction that asks for it: a roll-back takes the job with it.

Job rows stand outside the wall and hold ids only; what a job is *about* is state of our own walled tables, so the queue
could be rebuilt from them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from domain.tenancy import TenantSession

FAN_OUT = "webhooks.fan_out"
SEND = "webhooks.send"
SEND_AGAIN = "webhooks.send_again"
CLEAR_OUT = "transfers.clear_out"
RENDER_REPORT = "reports.render"
EVALUATE = "assessments.evaluate"
EXPORT_AUDIT_LOG = "audit_log.export"
SEND_MAIL = "mail.send"
IMPORT = "imports.carry_out"
REVIEW_AGREEMENTS = "agreements.review"
NOTE_FOR_PERSON = "people.note"
RESET_PASSWORD = "people.reset_password"  # noqa: S105  the name of a job
TELL_TICKET = "tickets.tell"
LOOK_AT_TICKET = "tickets.look"
POLL_TICKETS = "tickets.poll"
TEST_CONNECTION = "tickets.test"
FLEET_IMPORT = "fleet_imports.carry_out"
PULL_INVENTORY = "rmm.pull"


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


@dataclass(frozen=True, kw_only=True)
class Errand:
    """A job that need not be queued twice: nothing happens while one with its ``key`` waits or runs. The highest
    ``priority`` goes first."""

    key: str
    ids: Mapping[str, UUID | int | str]
    after: timedelta | None = None
    priority: int = 0


async def enqueue_once(session: TenantSession, job: str, errands: Sequence[Errand]) -> None:
    """Queue many of one kind in one statement, now, inside the open transaction."""
    if not errands:
        return
    queue = Queries(AsyncpgDriver(await session.driver()))
    tenant = {"tenant_id": session.tenant_id}
    await queue.enqueue(
        [job] * len(errands),
        [json.dumps({**tenant, **each.ids}, default=str).encode() for each in errands],
        [each.priority for each in errands],
        [each.after for each in errands],
        [each.key for each in errands],
        on_conflict="skip",
    )
