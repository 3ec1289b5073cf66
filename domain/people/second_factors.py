"""Second factors: codes that an app computes (TOTP, RFC 6238) and passkeys (WebAuthn).

They are the person's, in whatever tenant they sign in to, so they stand outside the wall as people do. A code is good once:
the time step of the last one taken is kept, and nothing at or before it is taken again.
"""

import hmac
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pyotp import random_base32
from pyotp.totp import TOTP
from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary
from sqlmodel import Field, SQLModel, col, select

from domain.clock import new_id, now
from domain.tenancy import TenantSession, instant, one_of

STEP = 30
"""Seconds."""


class FactorKind(StrEnum):
    totp = "totp"
    passkey = "passkey"


class SecondFactor(SQLModel, table=True):
    __tablename__ = "second_factor"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = (ForeignKeyConstraint(["person_id"], ["person.id"]), Index("ix_second_factor_person_id", "person_id"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    person_id: UUID
    kind: FactorKind = one_of(FactorKind)
    name: str = Field(max_length=100)
    sealed: str | None = None
    """The secret that an app shares with us, encrypted; null for a passkey, whose secret never leaves its device."""
    last_step: int = 0
    credential_id: bytes | None = Field(default=None, sa_type=LargeBinary, unique=True)
    public_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    sign_count: int = Field(default=0, sa_type=BigInteger)
    confirmed_at: datetime | None = instant(default=None)
    """Null while it is being set up: it counts only once the person has shown that they can use it."""
    last_used_at: datetime | None = instant(default=None)
    created_at: datetime = instant(default_factory=now)


async def factors_of(session: TenantSession, person_id: UUID, *, lock: bool = False) -> list[SecondFactor]:
    """Those that a person has set up, oldest first."""
    statement = (
        select(SecondFactor)
        .where(col(SecondFactor.person_id) == person_id, col(SecondFactor.confirmed_at).is_not(None))
        .order_by(col(SecondFactor.id))
    )
    return list((await session.execute(statement.with_for_update() if lock else statement)).scalars())


async def being_set_up(session: TenantSession, person_id: UUID) -> SecondFactor | None:
    """The one that a person has begun to set up, locked."""
    statement = (
        select(SecondFactor)
        .where(col(SecondFactor.person_id) == person_id, col(SecondFactor.confirmed_at).is_(None))
        .with_for_update()
    )
    return (await session.execute(statement)).scalar_one_or_none()


def new_secret(session: TenantSession, factor: SecondFactor, *, account: str) -> tuple[str, str]:
    """Give a factor its shared secret: the secret, and the address that an app reads from a picture of it."""
    secret = random_base32()
    factor.sealed = session.keyring.encrypt(secret, _context(factor))
    return secret, TOTP(secret).provisioning_uri(name=account, issuer_name="Bitewing")


def takes_code(session: TenantSession, factor: SecondFactor, code: str) -> bool:
    """Whether a code is right and new. The factor is locked by the caller, so of two with one code at once one gets in."""
    if factor.sealed is None:
        return False
    app = TOTP(session.keyring.decrypt_text(factor.sealed, _context(factor)))
    present = int(now().timestamp()) // STEP
    for step in (present - 1, present, present + 1):
        if step > factor.last_step and hmac.compare_digest(app.generate_otp(step).encode(), code.encode()):
            factor.last_step = step
            factor.last_used_at = now()
            return True
    return False


def _context(factor: SecondFactor) -> str:
    return f"second_factor:{factor.person_id}:{factor.id}"


def recent(moment: datetime | None, within: timedelta = timedelta(minutes=15)) -> bool:
    """Whether somebody showed who they are so lately that a sensitive act may follow."""
    return moment is not None and now() - moment <= within
