"""Since when a connection fails, and why: told to whoever runs it, once when it begins and once when it is over."""

from uuid import UUID

from domain.clock import now
from domain.events import emit
from domain.outbound.tools import ToolFailed, Trouble
from domain.tenancy import TenantSession
from domain.ticketing.connections import Connection
from domain.ticketing.waking import wake

_SET = """
    update ticketing_connection set failing_since = coalesce(failing_since, $3), trouble = $4, trouble_detail = $5
    where tenant_id = $1 and id = $2"""
# Written past the session, which would count up the row's version: that is for what a person changes.

OF_THE_CONNECTION = frozenset({Trouble.unreachable, Trouble.credentials, Trouble.wrong_answer})
"""Failures that would meet every ticket alike."""


async def note_failure(session: TenantSession, connection_id: UUID, failure: ToolFailed) -> None:
    if failure.trouble not in OF_THE_CONNECTION:
        return
    connection = await session.fetch(Connection, connection_id)
    driver = await session.driver()
    await driver.execute(_SET, session.tenant_id, connection_id, now(), failure.trouble.value, failure.detail)
    if connection.failing_since is None:
        emit(session, "connection.failing", connection, {"trouble": failure.trouble.value})


async def note_success(session: TenantSession, connection_id: UUID) -> None:
    """Say that it is over, and tell at once what waits. What was changed of a ticket before is written first."""
    connection = await session.fetch(Connection, connection_id)
    if connection.failing_since is not None:
        driver = await session.driver()
        await driver.execute(
            "update ticketing_connection set failing_since = null, trouble = null, trouble_detail = null"
            " where tenant_id = $1 and id = $2",
            session.tenant_id,
            connection_id,
        )
        emit(session, "connection.recovered", connection)
        await session.flush()
        await wake(session, connection_id)
