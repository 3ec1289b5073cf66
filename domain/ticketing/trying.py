"""Tries a connection out for real: makes a test ticket, finds it again, comments on it, closes it, and says how each went."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from domain.clock import new_id, now, rfc3339
from domain.database import tenant_session
from domain.errors import Conflict, Invalid
from domain.events import emit
from domain.jobs import TEST_CONNECTION, enqueue
from domain.outbound.egress import EgressPolicy, egress_under
from domain.outbound.tools import ToolFailed, Web, asked
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantSession, Wall
from domain.ticketing import troubles
from domain.ticketing.connections import Connection, connector_of
from domain.ticketing.connector import Changes, Connector, Draft, TicketState, marked
from domain.ticketing.mappings import Mapping as TicketMapping

STEPS = ("create", "find", "comment", "close", "look")
_TITLE = "Bitewing: a test of this connection"
_TEXT = "Bitewing made this ticket to try the connection out, and closes it by itself. Nothing is to be done."


async def ask_to_try(session: TenantSession, connection: Connection, organization_id: UUID | None) -> dict[str, Any]:
    """Ask for a test with the mapping of an organization, or with any; how it went stands at the connection later."""
    wanted = select(TicketMapping).where(
        col(TicketMapping.connection_id) == connection.id, col(TicketMapping.archived_at).is_(None)
    )
    if organization_id is not None:
        wanted = wanted.where(col(TicketMapping.organization_id) == organization_id)
    mapping = (await session.execute(wanted.order_by(col(TicketMapping.id)).limit(1))).scalar_one_or_none()
    if mapping is None and organization_id is not None:
        raise Invalid.one("/organization_id", "not_mapped", "There is no such organization mapped on this connection.")
    if mapping is None:
        raise Conflict("Say first where tickets go: map an organization on this connection.", code="not_mapped")
    begun: dict[str, Any] = {"id": str(new_id()), "state": "waiting", "asked_at": rfc3339(now()), "steps": []}
    await _keep(session, connection.id, begun)
    enqueue(session, TEST_CONNECTION, connection_id=connection.id, mapping_id=mapping.id, test_id=begun["id"])
    return begun


async def try_out(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind a test. Run again after a worker died, it finds the ticket that was made and closes that one."""
    wall, test_id = Wall(UUID(payload["tenant_id"])), payload["test_id"]
    async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
        connection = await session.fetch(Connection, UUID(payload["connection_id"]))
        mapping = await session.fetch(TicketMapping, UUID(payload["mapping_id"]))
        if connection.archived_at is not None or (connection.last_test or {}).get("id") != test_id:
            return
        begun = dict(connection.last_test or {})
        web = Web(egress_under(EgressPolicy.of(runtime.settings)), connection.base_url)
        connector = connector_of(connection, runtime.keyring, web)
    steps: list[dict[str, Any]] = []
    failure: ToolFailed | None = None
    ticket: dict[str, Any] = {}
    try:
        await asked(_walk(connector, mapping, test_id, steps, ticket))
    except ToolFailed as error:
        failure = error
        step = STEPS[len(steps)]
        steps.append({"step": step, "ok": False, "trouble": error.trouble.value, "detail": error.detail})
    passed = failure is None and all(each["ok"] for each in steps)
    outcome = {**begun, **ticket, "state": "passed" if passed else "failed", "ended_at": rfc3339(now()), "steps": steps}
    async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
        await _keep(session, connection.id, outcome)
        if failure is None:
            await troubles.note_success(session, connection.id)
        emit(session, "connection.tested", connection, {"ok": passed})


async def _walk(
    connector: Connector, mapping: TicketMapping, test_id: str, steps: list[dict[str, Any]], ticket: dict[str, Any]
) -> None:
    remote = await connector.find_by_external_id(test_id)
    if remote is None:
        draft = Draft(external_id=test_id, title=_TITLE, text=_TEXT, target=mapping.target)
        remote = await connector.create(draft)
    ticket.update({"ticket_id": remote.id, "url": remote.url})
    steps.append({"step": "create", "ok": True, "detail": f"Made ticket {remote.id}."})
    found = await connector.find_by_external_id(test_id)
    # Some products find a new ticket only after a while; that is known of them and no failure.
    late = found is None and bool(connector.settles_after)
    if found is None and not late:
        steps.append({"step": "find", "ok": False, "detail": "It was not found by its external id."})
    else:
        detail = "Its search does not show new tickets at once." if late else "Found by its external id."
        steps.append({"step": "find", "ok": True, "detail": detail})
    await connector.comment(remote.id, marked("A comment of the test.", test_id))
    steps.append({"step": "comment", "ok": True, "detail": "Commented on it."})
    word = connector.word_for(TicketState.done)
    if word is not None:
        await connector.update(remote.id, Changes(status=word))
    steps.append(
        {"step": "close", "ok": word is not None, "detail": f"Set it to {word!r}." if word else "No status means done."}
    )
    after = await connector.get(remote.id)
    closed = connector.state_of(after) is TicketState.done
    steps.append({"step": "look", "ok": closed, "detail": f"It is {after.status!r} now."})


async def _keep(session: TenantSession, connection_id: UUID, test: Mapping[str, Any]) -> None:
    driver = await session.driver()
    statement = "update ticketing_connection set last_test = $3::jsonb where tenant_id = $1 and id = $2"
    await driver.execute(statement, session.tenant_id, connection_id, json.dumps(test))
