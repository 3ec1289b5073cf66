"""The wall between tenants: what a tenant owns, and the session that can see nothing else.

Every tenant-owned table has the key ``(tenant_id, id)``, a forced row-security policy, and foreign keys that carry the
tenant: Postgres checks a plain foreign key *behind* row security, so a plain one accepts another tenant's parent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import ConfigDict, SecretStr, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import DateTime, ForeignKeyConstraint, Index, UniqueConstraint, event
from sqlalchemy import Enum as ChoiceType
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlmodel import Field, SQLModel, col, select

from domain.clock import new_id, now
from domain.errors import NotFound
from domain.keyring import KeyRing

if TYPE_CHECKING:
    import asyncpg

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

CALENDAR = range(1900, 3000)
"""The years that a day or a moment can have."""
NOBODYS_TENANT = UUID(int=0)
"""The wall of a request that has no tenant yet, and the organization list of one that may see none."""


def instant(**arguments: Any) -> Any:
    """A column for a moment in time; the plain one would forget its zone."""
    return Field(sa_type=DateTime(timezone=True), **arguments)  # pyright: ignore[reportArgumentType]  an instance is accepted


def one_of(choices: type[Enum], **arguments: Any) -> Any:
    """A column for a closed list, kept as text: a native Postgres enum cannot lose a member again."""
    column = ChoiceType(choices, native_enum=False, length=64, values_callable=_values)
    return Field(sa_type=column, **arguments)  # pyright: ignore[reportArgumentType]  an instance is accepted


def _values(choices: type[Enum]) -> list[str]:
    return [each.value for each in choices]


def json_object() -> Any:
    """A JSONB column holding an object, empty at first."""
    return Field(default_factory=dict, sa_type=JSONB(none_as_null=True))  # pyright: ignore[reportArgumentType]  an instance is accepted


def json_list() -> Any:
    """A JSONB column holding an array, empty at first: arrays are never null."""
    return Field(default_factory=list, sa_type=JSONB(none_as_null=True))  # pyright: ignore[reportArgumentType]  an instance is accepted


def json_or_unknown() -> Any:
    """A JSONB column that may be null: "nobody has said", which is something else than an empty list or object."""
    return Field(default=None, sa_type=JSONB(none_as_null=True))  # pyright: ignore[reportArgumentType]  an instance is accepted


class Fields(SQLModel):
    """What a caller may say about a thing. Unknown members are refused rather than dropped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)  # pyright: ignore[reportAssignmentType]  SQLModel types it as its own dict

    @field_validator("*")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        return _keepable(value)


def _keepable(value: Any) -> Any:
    """Texts without NUL, days of our time, and moments with their zone, in UTC.

    Postgres knows no NUL. The driver would keep the ends of Python's calendar as infinities, and a moment without a zone by
    the zone of the machine: both come back as something else.
    """
    match value:
        case str() if "\0" in value:
            raise PydanticCustomError("does_not_fit", "A text cannot hold the character NUL.")
        case SecretStr():
            _keepable(value.get_secret_value())
        case list():
            for each in value:  # pyright: ignore[reportUnknownVariableType]  of whatever the field says
                _keepable(each)
        case datetime() if value.tzinfo is None:
            raise PydanticCustomError("timezone_aware", "Say the time zone as well, as in 2026-03-01T09:30:00Z.")
        case date() if value.year not in CALENDAR:
            raise PydanticCustomError("out_of_range", "This is too far away: the years from 1900 to 2999 can be kept.")
        case datetime() if value.tzinfo is not UTC:
            return _keepable(value.astimezone(UTC))
        case _:
            pass
    return value  # pyright: ignore[reportUnknownVariableType]  as it came


class TenantOwned(SQLModel):
    """A row behind the wall. ``version`` counts changes: it is the ETag, and refuses lost updates."""

    tenant_id: UUID = Field(default=None, primary_key=True)
    """Given by the session as the row is written; nobody else names it."""
    id: UUID = Field(default_factory=new_id, primary_key=True)
    created_at: datetime = instant(default_factory=now)
    updated_at: datetime = instant(default_factory=now, sa_column_kwargs={"onupdate": now})
    version: int = 1

    noun: ClassVar[str] = "resource"


class OrganizationOwned(TenantOwned):
    """A row behind both walls: the tenant's, and the organization's for principals narrowed to some of them."""

    organization_id: UUID


class Archivable(SQLModel):
    """Records must be kept: DELETE sets this, lists leave it out, nothing is lost."""

    archived_at: datetime | None = instant(default=None)


class Factual(SQLModel):
    """A thing that carries facts of the catalogue's vocabulary. An absent fact is unknown, which is never "no".

    ``provenance`` names, for each fact and each fact-like column, its source, when it was observed and who
    confirmed it.
    """

    facts: dict[str, Any] = json_object()
    provenance: dict[str, Any] = json_object()


def tenant_table(*arguments: Any) -> tuple[Any, ...]:
    """``__table_args__`` of a tenant-owned table: its parents, unique rules and indexes, each behind the tenant."""
    return (ForeignKeyConstraint(["tenant_id"], ["tenant.id"]), *arguments)


def organization_table(*arguments: Any) -> tuple[Any, ...]:
    """``__table_args__`` of an organization-owned table.

    The extra unique key lets children carry the organization too, so a device cannot stand in another client's office.
    """
    return tenant_table(
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organization.tenant_id", "organization.id"]),
        UniqueConstraint("tenant_id", "organization_id", "id"),
        *arguments,
    )


def belongs_to(parent: str, column: str | None = None) -> ForeignKeyConstraint:
    """A parent of the same organization."""
    child = column or f"{parent}_id"
    return ForeignKeyConstraint(
        ["tenant_id", "organization_id", child], [f"{parent}.tenant_id", f"{parent}.organization_id", f"{parent}.id"]
    )


def belongs_to_tenants(parent: str, column: str | None = None) -> ForeignKeyConstraint:
    """A parent that the tenant owns as a whole, such as a vendor."""
    return ForeignKeyConstraint(["tenant_id", column or f"{parent}_id"], [f"{parent}.tenant_id", f"{parent}.id"])


def listed_by(table: str, *columns: str) -> Index:
    """The index behind a list over all organizations: it starts with the tenant and ends with the id."""
    return Index(f"ix_{table}_{'_'.join(columns)}", "tenant_id", *columns, "id")


@dataclass(frozen=True)
class Wall:
    """Whose rows a transaction may touch. ``organization_ids`` None means all of the tenant's."""

    tenant_id: UUID
    organization_ids: frozenset[UUID] | None = None

    def opening(self) -> str:
        """The text that follows BEGIN in the same message. Only parsed UUIDs enter it."""
        return f"SET LOCAL app.tenant_id = '{self.tenant_id}'; SET LOCAL app.organization_ids = '{self._names()}';"

    def _names(self) -> str:
        if self.organization_ids is None:
            return ""
        return ",".join(sorted(str(UUID(str(each))) for each in self.organization_ids)) or str(NOBODYS_TENANT)


@dataclass(frozen=True)
class Actor:
    """Who acts, as the audit trail names them: ``session``, ``api_key``, ``oauth_token``, ``connection``, ``sso_connection``,
    ``system`` or ``nobody``, and its id."""

    kind: str
    id: UUID | None = None
    member_id: UUID | None = None
    """On whose behalf: the person who answers for the act."""
    service_account_id: UUID | None = None
    """The account that stands for no person, when the credential is one of its keys."""
    oauth_client_id: UUID | None = None
    """The partner's application through which it is done, for a member or for the application itself."""

    def named(self) -> dict[str, str | None]:
        known = {
            "kind": self.kind,
            "id": str(self.id) if self.id else None,
            "member_id": str(self.member_id) if self.member_id else None,
        }
        through = {"service_account_id": self.service_account_id, "oauth_client_id": self.oauth_client_id}
        return {**known, **{name: str(each) for name, each in through.items() if each is not None}}


SYSTEM = Actor("system")
NOBODY = Actor("nobody")


Row = TypeVar("Row", bound=TenantOwned)


class WalledSession(Session):
    """The synchronous heart of :class:`TenantSession`; the hooks below are registered on it alone."""

    wall: Wall


class TenantSession(AsyncSession):
    """A unit of work inside one tenant.

    It collects events and jobs while the verbs run; :meth:`finish` writes them with the rows, just before the commit
    that only ``domain.database.tenant_session`` makes.
    """

    sync_session_class = WalledSession
    sync_session: WalledSession  # pyright: ignore[reportIncompatibleVariableOverride]  the class above makes it so

    def __init__(
        self, bind: AsyncConnection, *, wall: Wall, actor: Actor, context: Mapping[str, Any], keyring: KeyRing
    ) -> None:
        super().__init__(bind=bind, expire_on_commit=False, autoflush=False)
        self.wall = wall
        self.sync_session.wall = wall
        self.actor = actor
        self.context = context
        self.keyring = keyring
        """What a verb keeps secret in its rows, it seals with this."""
        self.events: list[dict[str, Any]] = []
        self.ended_credentials = False
        """Set by a verb that ends a key or a seat, so that this process forgets what it remembers with the commit."""
        self.jobs: list[tuple[str, dict[str, Any], timedelta | None]] = []

    @property
    def tenant_id(self) -> UUID:
        return self.wall.tenant_id

    async def save(self, row: Row) -> Row:
        """Write one row now, so that what the database refuses is refused here and parents come before children."""
        self.add(row)
        await self.flush()
        return row

    async def fetch(self, kind: type[Row], id: UUID, *, lock: bool = False) -> Row:
        """The row, or :class:`NotFound` when it is not there, not ours, or archived long ago and gone.

        ``lock`` keeps others from locking or changing it, and lets them refer to it (``for no key update``): a stronger lock
        would wait for everybody who writes a child of the row, and two who do so crosswise would wait for each other.
        """
        statement = select(kind).where(col(kind.id) == id)
        row = (await self.execute(statement.with_for_update(key_share=True) if lock else statement)).scalar_one_or_none()
        if row is None:
            raise NotFound(kind.noun)
        return row

    async def driver(self) -> "asyncpg.Connection[asyncpg.Record]":
        """The asyncpg connection, inside this transaction.

        SQLAlchemy sends BEGIN with its first statement; used before that, the raw connection would stand outside the
        transaction and outside the wall. So the transaction is begun first.
        """
        pooled = await (await self.connection()).get_raw_connection()
        adapter: Any = pooled.dbapi_connection
        if adapter._transaction is None:
            await adapter._start_transaction()
        connection = pooled.driver_connection
        assert connection is not None
        return connection

    async def enter(self, tenant_id: UUID) -> None:
        """Move the wall, once, from nobody's tenant into the one that this transaction has just made."""
        if self.wall.tenant_id != NOBODYS_TENANT:
            raise AssertionError("a transaction never moves from one tenant to another")
        self.wall = self.sync_session.wall = Wall(tenant_id)
        await (await self.driver()).execute(self.wall.opening())


@event.listens_for(WalledSession, "do_orm_execute")
def _name_the_tenant(state: ORMExecuteState) -> None:
    """Row security is the net; this is the plan: the tenant's index is used, and a shard is found."""
    if state.is_column_load or not (state.is_select or state.is_update or state.is_delete):
        return
    assert isinstance(state.session, WalledSession)
    tenant_id = state.session.wall.tenant_id
    kinds = {mapper.class_ for mapper in state.all_mappers if "tenant_id" in mapper.columns}
    state.statement = state.statement.options(
        *(with_loader_criteria(kind, kind.tenant_id == tenant_id, include_aliases=True) for kind in kinds)
    )


@event.listens_for(WalledSession, "before_flush")
def _stamp_rows(session: WalledSession, _context: Any, _instances: Any) -> None:
    """New rows belong to the session's tenant; changed rows count up their version."""
    for row in session.new:
        if isinstance(row, TenantOwned) and getattr(row, "tenant_id", None) is None:
            row.tenant_id = session.wall.tenant_id
    for row in session.dirty:
        if isinstance(row, TenantOwned) and session.is_modified(row):
            row.version += 1
