"""What the database itself says: its tables, and the rows of a tenant whoever looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

WALLED = """
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attname = 'tenant_id'
      and not a.attisdropped and not c.relispartition
    order by c.relname"""


@dataclass(frozen=True)
class Eyes:
    """The superuser's view, to see what the application must not show or touch."""

    connection: "asyncpg.Connection[asyncpg.Record]"
    walled: tuple[str, ...]
    """Every table with a ``tenant_id``; partitions show through their parents."""
    _seen: dict[UUID, tuple[Any, Mapping[str, str]]] = field(default_factory=dict[UUID, tuple[Any, Mapping[str, str]]])
    """What was seen of a tenant, and how far the log of all writes reached before."""

    @staticmethod
    async def open(connection: "asyncpg.Connection[asyncpg.Record]") -> "Eyes":
        return Eyes(connection, tuple(row["relname"] for row in await connection.fetch(WALLED)))

    async def rows_of(self, tenant_id: UUID) -> Mapping[str, str]:
        """A digest of each table's rows of a tenant: two that are equal mean that nothing was touched.

        Nothing is committed without a record in the log of writes: while that stands still, one look is as good as two.
        """
        written = await self.connection.fetchval("select pg_current_wal_insert_lsn()")
        if tenant_id not in self._seen or self._seen[tenant_id][0] != written:
            self._seen[tenant_id] = written, await self._look_at(tenant_id)
        return self._seen[tenant_id][1]

    async def _look_at(self, tenant_id: UUID) -> Mapping[str, str]:
        parts = [
            f"select '{table}' as name, md5(string_agg(t::text, chr(10) order by t::text)) as digest"
            f" from {table} t where tenant_id = $1"
            for table in self.walled
        ]
        parts.append("select 'tenant', md5(t::text) from tenant t where id = $1")
        return {row["name"]: row["digest"] for row in await self.connection.fetch(" union all ".join(parts), tenant_id)}

    async def ids_of(self, tenant_id: UUID) -> frozenset[str]:
        """The ids of every row of a tenant, and its own."""
        parts = [f"select id from {table} where tenant_id = $1" for table in await self._with("id")]
        rows = await self.connection.fetch(" union ".join(parts), tenant_id)
        return frozenset(str(row["id"]) for row in rows) | {str(tenant_id)}

    async def ids_in(self, organization_id: UUID) -> frozenset[str]:
        """The ids of every row of an organization, and its own."""
        parts = [f"select id from {table} where organization_id = $1" for table in await self._with("id", "organization_id")]
        rows = await self.connection.fetch(" union ".join(parts), organization_id)
        return frozenset(str(row["id"]) for row in rows) | {str(organization_id)}

    async def _with(self, *columns: str) -> list[str]:
        """The walled tables that have these columns."""
        statement = """
            select attrelid::regclass::text as name from pg_attribute
            where attrelid::regclass::text = any($1) and attname = any($2) group by 1 having count(*) = $3"""
        rows: list[Any] = await self.connection.fetch(statement, list(self.walled), list(columns), len(columns))
        return [row["name"] for row in rows]
