"""Recovery codes: ten words for the day when the phone is gone. Each works once, and we keep only their hashes."""

import base64
import secrets
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, delete, func
from sqlmodel import Field, SQLModel, col, select, update

from domain.clock import new_id
from domain.keyring import fingerprint
from domain.tenancy import TenantSession, instant

COUNT = 10


class RecoveryCode(SQLModel, table=True):
    __tablename__ = "recovery_code"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = (ForeignKeyConstraint(["person_id"], ["person.id"]), Index("ix_recovery_code_person_id", "person_id"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    person_id: UUID
    fingerprint: str
    """A plain hash suffices, because a code is 80 random bits; see domain/keyring.py."""
    used_at: datetime | None = instant(default=None)


async def new_codes(session: TenantSession, person_id: UUID) -> list[str]:
    """Ten fresh codes, shown this once. Those before are worth nothing any more."""
    await session.execute(delete(RecoveryCode).where(col(RecoveryCode.person_id) == person_id))
    codes = [_readable(secrets.token_bytes(10)) for _ in range(COUNT)]
    session.add_all(RecoveryCode(person_id=person_id, fingerprint=fingerprint(_bare(each))) for each in codes)
    await session.flush()
    return codes


async def has_codes(session: TenantSession, person_id: UUID) -> bool:
    statement = select(func.count()).select_from(RecoveryCode).where(col(RecoveryCode.person_id) == person_id)
    return bool((await session.execute(statement)).scalar_one())


async def use_code(session: TenantSession, person_id: UUID, code: str) -> bool:
    """Use a code up; False for one that is wrong or was used."""
    used = await session.execute(
        update(RecoveryCode)
        .where(
            col(RecoveryCode.person_id) == person_id,
            col(RecoveryCode.fingerprint) == fingerprint(_bare(code)),
            col(RecoveryCode.used_at).is_(None),
        )
        .values(used_at=func.now())
        .returning(col(RecoveryCode.id))
    )
    return used.first() is not None


def _readable(raw: bytes) -> str:
    text = base64.b32encode(raw).decode().lower()
    return "-".join(text[place : place + 4] for place in range(0, 16, 4))


def _bare(code: str) -> str:
    return code.replace("-", "").replace(" ", "").lower()
