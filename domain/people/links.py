"""Links that prove who reads a mailbox: for one use, for a while, and known to us by their hash alone.

They belong to a person and not to a tenant, so they stand outside the wall as people do. The secret travels behind the
``#`` of a link, which no browser sends to a server and no proxy writes down.
"""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, func
from sqlmodel import Field, SQLModel, col, select, update

from domain.clock import new_id, now
from domain.errors import Invalid
from domain.keyring import fingerprint
from domain.people.tenants import Person
from domain.tenancy import TenantSession, instant, one_of

NOT_VALID = "This link is not valid: it was used, it is too old, or a newer one took its place. Ask for another."


class LinkPurpose(StrEnum):
    reset_password = "reset_password"  # noqa: S105  the name of a purpose
    verify_email = "verify_email"


LASTS = {LinkPurpose.reset_password: timedelta(hours=1), LinkPurpose.verify_email: timedelta(days=3)}


class OneUseLink(SQLModel, table=True):
    __tablename__ = "one_use_link"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = (ForeignKeyConstraint(["person_id"], ["person.id"]), Index("ix_one_use_link_person_id", "person_id"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    person_id: UUID
    purpose: LinkPurpose = one_of(LinkPurpose)
    email: str = Field(max_length=320)
    """Where it was sent: it proves who reads that mailbox and no other."""
    fingerprint: str = Field(unique=True)
    expires_at: datetime = instant()
    used_at: datetime | None = instant(default=None)
    created_at: datetime = instant(default_factory=now)


async def make_link(session: TenantSession, person: Person, purpose: LinkPurpose) -> tuple[OneUseLink, str]:
    """A new link and its secret, which is never seen again. Earlier ones for the same end there."""
    await session.execute(
        update(OneUseLink)
        .where(col(OneUseLink.person_id) == person.id, col(OneUseLink.purpose) == purpose, col(OneUseLink.used_at).is_(None))
        .values(used_at=func.now())
    )
    secret = f"bwl_{secrets.token_urlsafe(32)}"
    link = OneUseLink(
        person_id=person.id,
        purpose=purpose,
        email=person.email,
        fingerprint=fingerprint(secret),
        expires_at=now() + LASTS[purpose],
    )
    session.add(link)
    await session.flush()
    return link, secret


async def use_link(session: TenantSession, secret: str, purpose: LinkPurpose) -> Person:
    """The person whom a link was sent to, locked; the link is used up with this transaction. Of two at once one gets it."""
    used = await session.execute(
        update(OneUseLink)
        .where(
            col(OneUseLink.fingerprint) == fingerprint(secret),
            col(OneUseLink.purpose) == purpose,
            col(OneUseLink.used_at).is_(None),
            col(OneUseLink.expires_at) > func.now(),
        )
        .values(used_at=func.now())
        .returning(col(OneUseLink.person_id), col(OneUseLink.email))
    )
    found = used.one_or_none()
    statement = select(Person).where(col(Person.id) == found[0]).with_for_update() if found else None
    person = (await session.execute(statement)).scalar_one() if statement is not None else None
    if found is None or person is None or person.email != found[1]:
        raise Invalid.one("/token", "not_valid", NOT_VALID)
    return person
