"""Answers kept for an ``Idempotency-Key``: the same key with the same body gets the same answer for 24 hours.

Kept sealed with the key ring, because an answer may hold a key that is shown only once. A request without a tenant
(a sign-up) keeps its answer under nobody's tenant, so this one table has no foreign key to ``tenant``.
"""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from domain.clock import now
from domain.tenancy import instant


class KeptAnswer(SQLModel, table=True):
    __tablename__ = "kept_answer"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise

    tenant_id: UUID = Field(primary_key=True)
    principal_id: UUID = Field(primary_key=True)
    key: str = Field(primary_key=True, max_length=255)
    request_hash: str
    status: int | None = None
    sealed: str | None = None
    created_at: datetime = instant(default_factory=now)
