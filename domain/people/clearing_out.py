"""Once a practice has gone to another tenant: both sides' owners are told, the receiver is given the trail of what happened to
it before, and its files leave the giver's folder.

A file is removed only where no row of the giver's names it and the receiver's copy has its hash. Somebody may be keeping the
same content for another practice in that moment, so an hour later it is looked at once more, and what is named is brought back.
"""

import json
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from typing import IO, Any
from uuid import UUID

from sqlmodel import col, select

from domain.clock import now, rfc3339, today
from domain.database import tenant_session
from domain.errors import Unavailable
from domain.events import Event
from domain.jobs import CLEAR_OUT, Errand, enqueue_once
from domain.outbound.mail import send_mail
from domain.people.members import addresses_of_owners
from domain.people.tenants import all_tenants
from domain.people.transfers import Transfer, TransferDirection, TransferStatus
from domain.records import create
from domain.runtime import Runtime
from domain.sra.documents import Document, DocumentKind, kept_until
from domain.storage import FileDamaged, Files, StoredFile
from domain.tables import metadata
from domain.tenancy import SYSTEM, TenantSession, Wall

SETTLED = timedelta(hours=1)
"""Longer than any request or job takes that keeps a file."""
AT_ONCE = 2_000
OF_THE_TENANT = frozenset(
    {"subscription", "invoice", "payment", "charge", "quote", "billing_account", "member", "invitation", "api_key", "transfer"}
)
"""What a tenant's trail says of its own business and people; it does not go along."""


async def clear_out(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job, of the giver's. Begun again at any point it does what is left."""
    giver = Wall(UUID(payload["tenant_id"]))
    async with tenant_session(runtime.database, giver, actor=SYSTEM, read_only=True) as session:
        transfer = await session.fetch(Transfer, UUID(payload["transfer_id"]))
    if transfer.status is not TransferStatus.moved or transfer.finished_at is not None:
        return
    assert transfer.other_tenant_id is not None and transfer.moved_at is not None
    receiver = Wall(transfer.other_tenant_id)
    last_look = now() - transfer.moved_at > SETTLED
    for key in transfer.left_files:
        there = f"{receiver.tenant_id}/{key.partition('/')[2]}"
        if await _named(runtime, giver, key):
            if last_look and not await _whole(runtime.files, key):
                await runtime.files.carry(there, to=giver.tenant_id)
            continue
        if await _named(runtime, receiver, there) and not await _whole(runtime.files, there):
            await runtime.files.carry(key, to=receiver.tenant_id)
            if not await _whole(runtime.files, there):
                raise Unavailable("The receiver's copy of a file is not whole; nothing was removed.")
        await runtime.files.remove(key)
    if last_look:
        async with tenant_session(runtime.database, giver, actor=SYSTEM) as session:
            row = await session.fetch(Transfer, transfer.id, lock=True)
            row.left_files, row.finished_at = [], now()


async def clear_out_for_good(runtime: Runtime) -> None:
    """The chore: the last look."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            statement = select(Transfer.id).where(
                col(Transfer.direction) == TransferDirection.outgoing,
                col(Transfer.status) == TransferStatus.moved,
                col(Transfer.finished_at).is_(None),
                col(Transfer.moved_at) < now() - SETTLED,
            )
            found = list((await session.execute(statement)).scalars())
            await enqueue_once(session, CLEAR_OUT, [Errand(key=f"{CLEAR_OUT}:{id}", ids={"transfer_id": id}) for id in found])


async def tell_owners(session: TenantSession, transfer: Transfer) -> None:
    """A letter to each owner of the side whose session it is."""
    name, other = transfer.organization_name, transfer.other_tenant_name
    if transfer.direction is TransferDirection.outgoing:
        subject = f"{name} has gone to {other}"
        text = (
            f"Hello,\n\n{name} is now with {other}, with all its records. Its audit trail up to today and its invoices stay "
            "with you. Its files leave your storage, and the seats and keys that were for it alone have ended.\n"
        )
    else:
        subject = f"{name} is with you now"
        text = (
            f"Hello,\n\n{name} has come from {other}, with all its records and their history. Among its documents you find the "
            "audit trail of the time before.\n"
        )
    for address in await addresses_of_owners(session):
        await send_mail(session, to=address, subject=subject, text=text, key=f"transfer:{transfer.id}:moved:{address}")


async def carry_trail(runtime: Runtime, giver: Wall, receiver: Wall, organization_id: UUID) -> StoredFile:
    """The giver's events about an organization, one a line, as a file in the receiver's folder. With the ids of who acted, and
    neither names nor addresses; with the hashes by which the giver's own chain bears it out."""
    with tempfile.TemporaryFile() as file:
        async with tenant_session(runtime.database, giver, actor=SYSTEM, read_only=True) as session:
            await _write_trail(session, organization_id, file)
        return await runtime.files.put(receiver.tenant_id, file)


async def keep_trail(session: TenantSession, transfer: Transfer, trail: StoredFile) -> None:
    """Inside the receiver's wall."""
    assert transfer.organization_id is not None
    document = Document(
        organization_id=transfer.organization_id,
        title=f"Audit trail at {transfer.other_tenant_name}, until it came from there",
        kind=DocumentKind.other,
        filename="audit-trail.txt",
        media_type="text/plain",
        size=trail.size,
        sha256=trail.sha256,
        storage_key=trail.key,
        retain_until=kept_until(created_on=today(), in_effect_until=None),
    )
    await create(session, document)


async def _write_trail(session: TenantSession, organization_id: UUID, file: IO[bytes]) -> None:
    after = 0
    while True:
        statement = select(Event).where(col(Event.organization_id) == organization_id, col(Event.sequence) > after)
        events = list((await session.execute(statement.order_by(col(Event.sequence)).limit(AT_ONCE))).scalars())
        for event in events:
            if event.subject_type not in OF_THE_TENANT:
                file.write(json.dumps(_line(event)).encode() + b"\n")
        if len(events) < AT_ONCE:
            return
        after = events[-1].sequence


def _line(event: Event) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "at": rfc3339(event.at),
        "kind": event.kind,
        "subject_type": event.subject_type,
        "subject_id": str(event.subject_id),
        "changes": event.changes,
        "actor": {name: event.actor.get(name) for name in ("kind", "id", "member_id")},
        "id": str(event.id),
        "previous_hash": event.previous_hash,
        "hash": event.hash,
    }


async def _named(runtime: Runtime, wall: Wall, key: str) -> bool:
    """Whether any row of a tenant's names a file."""
    async with tenant_session(runtime.database, wall, actor=SYSTEM, read_only=True) as session:
        for table in metadata.sorted_tables:
            if "storage_key" in table.c:
                own = (table.c.tenant_id == session.tenant_id) & (table.c.storage_key == key)
                if (await session.execute(select(table.c.storage_key).where(own).limit(1))).first() is not None:
                    return True
    return False


async def _whole(files: Files, key: str) -> bool:
    """Whether a file is there and has the hash that its name says."""
    try:
        (await files.open(key, key.rpartition("/")[2])).close()
    except (FileDamaged, Unavailable):
        return False
    return True
