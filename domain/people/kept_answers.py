"""Answers kept for an ``Idempotency-Key``: the same key with the same body gets the same answer for 24 hours.

Kept sealed with the key ring, because an answer may hold a key that is shown only once. A request without a tenant
(a sign-up) keeps its answer under nobody's tenant, so this one table has no foreign key to ``tenant``.
"""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from domain.clock import now
from domain.database import tenant_session
from domain.people.tenants import all_tenants
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, SYSTEM, Wall, instant


class KeptAnswer(SQLModel, table=True):
    __tablename__ = "kept_answer"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise

    tenant_id: UUID = Field(primary_key=True)
    principal_id: UUID = Field(primary_key=True)
    key: str = Field(primary_key=True, max_length=255)
    request_hash: str
    status: int | None = None
    sealed: str | None = None
    created_at: datetime = instant(default_factory=now)


async def forget_old_answers(runtime: Runtime) -> None:
    """Delete what is older than 24 hours, tenant by tenant, each behind its own wall."""
    for tenant_id in (NOBODYS_TENANT, *await all_tenants(runtime.database)):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            driver = await session.driver()
            await driver.execute(
                "delete from kept_answer where tenant_id = $1 and created_at < now() - interval '24 hours'", tenant_id
            )
