"""Handing a practice over from one tenant to another: the receiver makes a code, the giver names it, the receiver accepts.

Each side keeps its own row of the same id behind its own wall, and each agreement is written there by its own side alone. The
database's functions in migration 0028 are the only way across; they move nothing before both rows say yes.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from domain.access import Principal
from domain.clock import new_id, now, rfc3339
from domain.errors import Conflict, Invalid
from domain.events import emit
from domain.free_text import keep_patients_out
from domain.inventory.organizations import Organization
from domain.jobs import FAN_OUT
from domain.json_forms import as_json
from domain.keyring import fingerprint
from domain.people.acting import acting_member
from domain.people.lending import refuse_borrowed
from domain.people.step_up import expect_fresh_proof
from domain.people.tenants import own
from domain.tenancy import Fields, TenantOwned, TenantSession, instant, json_list, json_object, listed_by, one_of, tenant_table

CODE_LASTS = timedelta(days=14)


class TransferDirection(StrEnum):
    incoming = "incoming"
    outgoing = "outgoing"


class TransferStatus(StrEnum):
    offered = "offered"
    """The receiver has made a code, and nobody has used it."""
    requested = "requested"
    """The giver has agreed."""
    accepted = "accepted"
    """The receiver has agreed too; the records are being carried."""
    moved = "moved"
    declined = "declined"
    withdrawn = "withdrawn"
    stopped = "stopped"
    """It could not be carried out; ``problem`` says why. Nothing was moved."""


class TransferFields(Fields):
    code: str = Field(min_length=1, max_length=200, description="Made by the tenant that is to have the practice.")
    reason: str | None = Field(default=None, max_length=1000)


class Transfer(TenantOwned, table=True):
    """One side of it. ``organization_id`` names a practice that is another tenant's until it has moved."""

    __table_args__ = tenant_table(
        UniqueConstraint("tenant_id", "code_hash"),
        Index(
            "uq_transfer_waiting",
            "tenant_id",
            "organization_id",
            unique=True,
            postgresql_where=text("status in ('requested', 'accepted')"),
        ),
        listed_by("transfer", "created_at"),
    )
    noun: ClassVar[str] = "transfer"

    direction: TransferDirection = one_of(TransferDirection)
    status: TransferStatus = one_of(TransferStatus)
    organization_id: UUID | None = None
    organization_name: str | None = Field(default=None, max_length=200)
    other_tenant_id: UUID | None = None
    other_tenant_name: str | None = Field(default=None, max_length=200)
    reason: str | None = Field(default=None, max_length=1000)
    problem: str | None = Field(default=None, max_length=1000)
    code_hash: str | None = Field(default=None, max_length=64)
    valid_until: datetime | None = instant(default=None)
    """Of the code."""
    agreed_by: dict[str, Any] = json_object()
    agreed_at: datetime | None = instant(default=None)
    """When this side has agreed."""
    paid_by: str | None = Field(default=None, max_length=64)
    """Who pays for it at the receiver's."""
    cover: dict[str, Any] = json_object()
    """What was subscribed at the giver's when it left."""
    counts: dict[str, Any] = json_object()
    """How many rows of each kind have moved."""
    left_files: list[str] = json_list()
    """Of an outgoing one: the keys of its files that are still to leave this side's folder."""
    moved_at: datetime | None = instant(default=None)
    finished_at: datetime | None = instant(default=None)
    """When its cover had begun, at the receiver's; when its files had left the folder, at the giver's."""


@dataclass(frozen=True)
class Heard:
    """The ends of the other side's chain of events before and after it was told."""

    before: int
    last: int
    listened_to: bool


async def offer(session: TenantSession, *, by: Principal) -> tuple[Transfer, str]:
    """Make a code that says "to us". Whoever is given it can offer one practice, once; nothing moves before we accept."""
    refuse_borrowed(by)
    secret = f"bwt_{session.tenant_id.hex}_{secrets.token_urlsafe(32)}"
    made = await session.save(
        Transfer(
            direction=TransferDirection.incoming,
            status=TransferStatus.offered,
            code_hash=fingerprint(secret),
            valid_until=now() + CODE_LASTS,
        )
    )
    emit(session, "transfer.offered", made, {"valid_until": made.valid_until})
    return made, secret


async def ask(session: TenantSession, organization: Organization, fields: TransferFields, *, by: Principal) -> Transfer:
    """Agree to hand an organization over to the tenant that made the code. Invalid for a code that is none, or was used."""
    refuse_borrowed(by)
    acting_member(session)
    await expect_fresh_proof(session)
    await session.fetch(Organization, organization.id, lock=True)
    if organization.archived_at is not None:
        raise Conflict("Only an organization that is not archived can be handed over.", code="archived")
    await keep_patients_out(session, {"reason": fields.reason})
    name = (await own(session)).name
    told = _told(
        "transfer.requested",
        UUID(int=0),
        actor=session.tenant_id,
        changes={"organization_name": organization.name, "other_tenant_name": name},
    )
    connection = await session.driver()
    found = await connection.fetchrow(
        "select * from transfer_ask($1, $2, $3, $4, $5, $6, $7::jsonb)",
        _receiver(fields.code), fingerprint(fields.code), organization.id, organization.name, name[:200], fields.reason, told,
    )  # fmt: skip
    if found is None or found["transfer_id"] is None:
        raise Invalid.one("/code", "not_valid", "This code was used, has run out, is your own, or is none. Ask for another.")
    receiver = _receiver(fields.code)
    wake(session, receiver, Heard(found["before"], found["last"], found["heard"]))
    asked = await session.save(
        Transfer(
            id=found["transfer_id"],
            direction=TransferDirection.outgoing,
            status=TransferStatus.requested,
            organization_id=organization.id,
            organization_name=organization.name,
            other_tenant_id=receiver,
            other_tenant_name=found["receiver_name"][:200],
            reason=fields.reason,
            agreed_by=session.actor.named(),
            agreed_at=now(),
        )
    )
    emit(session, "transfer.requested", asked, _about(asked))
    return asked


async def accept(session: TenantSession, transfer: Transfer, *, paid_by: str, by: Principal) -> None:
    """The receiver's agreement. What is left is work for the worker."""
    refuse_borrowed(by)
    acting_member(session)
    await expect_fresh_proof(session)
    _must_wait(transfer, TransferDirection.incoming)
    transfer.status, transfer.paid_by = TransferStatus.accepted, paid_by
    transfer.agreed_by, transfer.agreed_at = session.actor.named(), now()
    await session.flush()
    emit(session, "transfer.accepted", transfer, _about(transfer))
    await _tell(session, transfer, TransferStatus.accepted)


async def call_off(session: TenantSession, transfer: Transfer, *, by: Principal) -> None:
    """Either side says no after all: the giver withdraws, the receiver declines, and a code that nobody has used ends."""
    refuse_borrowed(by)
    if transfer.status is TransferStatus.offered:
        transfer.status, transfer.code_hash = TransferStatus.withdrawn, None
        await session.flush()
        emit(session, "transfer.withdrawn", transfer, {})
        return
    _must_wait(transfer, transfer.direction)
    outgoing = transfer.direction is TransferDirection.outgoing
    word = TransferStatus.withdrawn if outgoing else TransferStatus.declined
    transfer.status = word
    await session.flush()
    emit(session, f"transfer.{word.value}", transfer, _about(transfer))
    await _tell(session, transfer, word)


async def stop(session: TenantSession, transfer: Transfer, problem: str) -> None:
    """Inside the giver's wall: it cannot be carried out. Both sides read why."""
    transfer.status, transfer.problem = TransferStatus.stopped, problem[:1000]
    await session.flush()
    emit(session, "transfer.stopped", transfer, {**_about(transfer), "problem": transfer.problem})
    await _tell(session, transfer, TransferStatus.stopped)


async def move(session: TenantSession, transfer: Transfer, organization: Organization, *, carried: list[str]) -> None:
    """Inside the giver's wall: every row of the organization passes to the receiver, in this transaction. ``carried``: the
    keys of its files that already lie in the receiver's folder."""
    assert transfer.other_tenant_id is not None
    said = {"from_tenant": (await own(session)).name, "transfer_id": transfer.id, "agreed_by": transfer.agreed_by["kind"]}
    told = _told(
        "organization.transferred_in",
        organization.id,
        actor=session.tenant_id,
        changes=said,
        subject_type="organization",
        organization_id=organization.id,
    )
    await session.flush()
    connection = await session.driver()
    await connection.execute("set local statement_timeout = '10min'")
    row = await connection.fetchrow(
        "select * from transfer_move($1, $2, $3, $4::jsonb)", transfer.other_tenant_id, transfer.id, carried, told
    )
    assert row is not None
    out = {"to_tenant": transfer.other_tenant_name, "transfer_id": transfer.id, "counts": row["moved"]}
    emit(session, "organization.transferred_out", organization, out)
    wake(session, transfer.other_tenant_id, Heard(row["before"], row["last"], row["heard"]))


def wake(session: TenantSession, other: UUID, heard: Heard) -> None:
    """Let the other side's webhooks carry what it was told, once this is committed."""
    if heard.listened_to:
        payload = {"tenant_id": str(other), "after_sequence": heard.before, "up_to_sequence": heard.last}
        session.jobs.append((FAN_OUT, payload, None))


async def _tell(session: TenantSession, transfer: Transfer, word: TransferStatus) -> None:
    assert transfer.other_tenant_id is not None
    told = _told(f"transfer.{word.value}", transfer.id, actor=session.tenant_id, changes=_about(transfer, other=False))
    connection = await session.driver()
    row = await connection.fetchrow(
        "select * from transfer_tell($1, $2, $3, $4, $5::jsonb)",
        transfer.other_tenant_id, transfer.id, word.value, transfer.problem, told,
    )  # fmt: skip
    assert row is not None
    wake(session, transfer.other_tenant_id, Heard(row["before"], row["last"], row["heard"]))


def _must_wait(transfer: Transfer, direction: TransferDirection) -> None:
    if transfer.direction is not direction:
        raise Conflict("It is the other side that accepts.", code="not_yours_to_accept")
    if transfer.status is not TransferStatus.requested:
        raise Conflict(f"This transfer is {transfer.status.value}.", code=f"is_{transfer.status.value}")


def _receiver(code: str) -> UUID:
    """Which tenant a code names. Nothing is known to be true yet."""
    try:
        prefix, tenant, secret = code.split("_", 2)
        if prefix != "bwt" or not secret:
            raise ValueError
        return UUID(tenant)
    except ValueError:
        raise Invalid.one("/code", "not_valid", "This is not the code of a transfer.") from None


def _about(transfer: Transfer, *, other: bool = True) -> dict[str, Any]:
    said: dict[str, Any] = {"organization_name": transfer.organization_name}
    return {**said, "other_tenant_name": transfer.other_tenant_name} if other else said


def _told(
    kind: str,
    subject_id: UUID,
    *,
    actor: UUID,
    changes: Mapping[str, Any],
    subject_type: str = "transfer",
    organization_id: UUID | None = None,
) -> str:
    """An event for the other side's chain. It names the tenant that acted, and none of its people or addresses."""
    event = {
        "id": new_id(),
        "at": rfc3339(now()),
        "kind": kind,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "organization_id": organization_id,
        "changes": changes,
        "actor": {"kind": "tenant", "id": actor, "member_id": None},
        "context": {},
    }
    return json.dumps([event], default=as_json)
