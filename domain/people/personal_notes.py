"""What happens to a person concerns each tenant in which they have a seat: a refused sign-in, a changed password.

A request stands in one tenant, or in none; so it leaves a job, and the worker notes it in each tenant's trail, behind that
tenant's own wall. The job is left for people who do not exist, too: an answer must not take longer for those who do.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from domain.database import tenant_session
from domain.events import emit
from domain.jobs import NOTE_FOR_PERSON, enqueue
from domain.people.members import Member
from domain.people.seats import tenants_of
from domain.runtime import Runtime
from domain.tenancy import NOBODY, NOBODYS_TENANT, TenantSession, Wall


class Note(StrEnum):
    sign_in_refused = "sign_in_refused"
    password_changed = "password_changed"  # noqa: S105  the name of a note
    mfa_reset = "mfa_reset"


def leave_note(session: TenantSession, person_id: UUID, note: Note) -> None:
    """Have it noted in each tenant of the person; for an id that is nobody's, in none."""
    address = str(session.context.get("address") or "")
    enqueue(session, NOTE_FOR_PERSON, person_id=person_id, note=note, address=address)


async def note_for_person(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind every note."""
    person_id, note = UUID(payload["person_id"]), Note(payload["note"])
    async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=NOBODY, read_only=True) as outside:
        tenants = [each.id for each in await tenants_of(outside, person_id)]
    for tenant_id in tenants:
        context = {"address": payload["address"] or None}
        async with tenant_session(runtime.database, Wall(tenant_id), actor=NOBODY, context=context) as session:
            await _note(session, person_id, note)


async def _note(session: TenantSession, person_id: UUID, note: Note) -> None:
    member = (await session.execute(select(Member).where(col(Member.person_id) == person_id))).scalar_one_or_none()
    if member is None:
        return
    match note:
        case Note.sign_in_refused:
            emit(session, "member.sign_in_refused", member)
        case Note.password_changed:
            emit(session, "member.password_changed", member)
        case Note.mfa_reset:
            emit(session, "member.mfa_reset", member)
