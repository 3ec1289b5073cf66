"""RMM connections: a tenant's account at a management tool. Its credentials are sealed to the row and never shown again."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Index, func, text
from sqlmodel import Field, col, select

from domain.access import Role
from domain.clock import now
from domain.errors import Conflict, Invalid
from domain.events import differences, emit
from domain.free_text import keep_patients_out
from domain.inventory.rmm.products import PRODUCTS
from domain.inventory.rmm.schedules import ScheduleFields, check_schedule, next_run
from domain.inventory.rmm.source import RmmSource
from domain.json_forms import accepted
from domain.keyring import KeyRing
from domain.outbound.destinations import EgressPolicy, check_url, leads_elsewhere
from domain.outbound.egress import egress_under
from domain.outbound.mail import send_mail
from domain.outbound.tools import Web
from domain.people.members import Member
from domain.people.tenants import Person
from domain.records import archive
from domain.tenancy import Archivable, TenantOwned, TenantSession, instant, json_object, json_or_unknown, tenant_table

MOST_CONNECTIONS = 20
LONGEST_ANSWER = 60.0
"""Seconds for one page. A tool that collects a thousand devices takes its time."""
MOST_REFUSALS = 3
"""After so many runs in a row that were refused for their credentials a connection is switched off: a tool may lock an
account that keeps trying."""


class DisabledReason(StrEnum):
    credentials = "credentials"


class RmmConnectionFields(ScheduleFields):
    """Pulled by itself ``every_minutes``, or ``daily_at`` a time; with neither, only when somebody asks for a run."""

    name: str = Field(min_length=1, max_length=200)
    base_url: str = Field(
        min_length=1, max_length=500, description="Where the tool is, by region: see `addresses` of `GET /v1/rmm-products`."
    )
    settings: dict[str, Any] = json_object()
    """What the product needs to know beside its address; see its entry in ``GET /v1/rmm-products``."""
    enabled: bool = True


class NewRmmConnectionFields(RmmConnectionFields):
    product: str = Field(min_length=1, max_length=40)
    credentials: dict[str, str] = json_object()


class RmmConnectionChanges(RmmConnectionFields):
    """Credentials are set anew when they are said, and stay as they are otherwise."""

    credentials: dict[str, str] | None = json_or_unknown()


class RmmConnection(RmmConnectionFields, TenantOwned, Archivable, table=True):
    __tablename__ = "rmm_connection"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        Index("ix_rmm_connection_due", "tenant_id", "next_run_at", postgresql_where=text("enabled and archived_at is null")),
    )
    noun: ClassVar[str] = "rmm_connection"

    product: str = Field(max_length=40)
    sealed_credentials: str | None = None
    next_run_at: datetime | None = instant(default=None)
    last_run_at: datetime | None = instant(default=None)
    """When the last run began."""
    last_success_at: datetime | None = instant(default=None)
    """When an inventory was last taken in whole."""
    last_error: dict[str, Any] | None = json_or_unknown()
    """Why the last run failed: code, sentence and time; null once one has succeeded."""
    refusals: int = 0
    """Runs in a row whose credentials were refused."""
    disabled_reason: str | None = Field(default=None, max_length=40)


async def connect(
    session: TenantSession, fields: NewRmmConnectionFields, *, policy: EgressPolicy, keyring: KeyRing
) -> RmmConnection:
    """A new connection. One that is pulled every so many minutes is pulled at once."""
    kind = PRODUCTS.get(fields.product)
    if kind is None:
        raise Invalid.one("/product", "unknown_product", f"Known are: {', '.join(sorted(PRODUCTS))}.")
    values = await _checked(session, kind, fields, policy=policy)
    credentials = accepted(kind.Credentials, fields.credentials, at="/credentials")
    rows = select(func.count()).select_from(RmmConnection).where(col(RmmConnection.archived_at).is_(None))
    if (await session.execute(rows)).scalar_one() >= MOST_CONNECTIONS:
        raise Conflict(f"A tenant has at most {MOST_CONNECTIONS} RMM connections; archive one first.", code="too_many")
    connection = RmmConnection(**values, product=fields.product, tenant_id=session.tenant_id)
    _seal(connection, credentials, keyring)
    connection.next_run_at = first_run(connection)
    await session.save(connection)
    emit(session, "rmm_connection.created", connection, {**_for_the_trail(values), "product": fields.product})
    return connection


async def change_connection(
    session: TenantSession,
    connection: RmmConnection,
    fields: RmmConnectionChanges,
    *,
    policy: EgressPolicy,
    keyring: KeyRing,
) -> RmmConnection:
    """Set what a caller may say. Whoever switches a connection on again gives it all its attempts again."""
    kind = PRODUCTS[connection.product]
    before = {name: getattr(connection, name) for name in RmmConnectionFields.model_fields}
    values = await _checked(session, kind, fields, policy=policy)
    if fields.credentials is None and leads_elsewhere(connection.base_url, fields.base_url):
        # Or whoever may change a connection could read its credentials at a host of their own.
        detail = "Another host would get the credentials. Say them again with the address."
        raise Invalid.one("/credentials", "missing", detail)
    changed = differences(_for_the_trail(before), _for_the_trail(values))
    for name, value in values.items():
        if getattr(connection, name) != value:
            setattr(connection, name, value)
    if fields.credentials is not None:
        _seal(connection, accepted(kind.Credentials, fields.credentials, at="/credentials"), keyring)
        changed["credentials_changed"] = True
    if before["settings"] != values["settings"]:
        changed["settings_changed"] = True
    if changed:
        if "credentials_changed" in changed or "enabled" in changed:
            connection.refusals = 0
        if connection.enabled:
            connection.disabled_reason = None
        if changed.keys() & {"enabled", *ScheduleFields.model_fields}:
            connection.next_run_at = first_run(connection)
        await session.flush()
        emit(session, "rmm_connection.updated", connection, changed)
    return connection


async def remove(session: TenantSession, connection: RmmConnection) -> None:
    """Archive a connection. Its runs and what they brought stay; its credentials are gone for good."""
    connection.sealed_credentials = None
    connection.enabled = False
    await archive(session, connection)


async def switch_off(session: TenantSession, connection: RmmConnection, reason: DisabledReason) -> None:
    """Ask the tool nothing more until a person switches the connection on again, and write to who can."""
    connection.enabled = False
    connection.disabled_reason = reason.value
    await session.flush()
    changed = {"enabled": {"from": True, "to": False}, "disabled_reason": {"from": None, "to": reason.value}}
    emit(session, "rmm_connection.disabled", connection, changed)
    title = PRODUCTS[connection.product].title
    text = (
        f"Bitewing asks {title} nothing more for the connection “{connection.name}”.\n\n"
        f"{title} refused its credentials {MOST_REFUSALS} times in a row; an account that keeps trying may be locked.\n"
        "The inventory stays as it was last read. Set new credentials and enable the connection:\n"
        f"PATCH /v1/rmm-connections/{connection.id}\n"
    )
    seats = (
        select(Person.email)
        .join(Member, col(Member.person_id) == col(Person.id))
        .where(col(Member.role).in_([Role.owner, Role.admin]), col(Member.archived_at).is_(None))
    )
    for email in (await session.execute(seats)).scalars().all():
        key = f"rmm_connection.disabled:{connection.id}:{connection.version}:{email}"
        await send_mail(session, to=email, subject="An RMM connection was switched off", text=text, key=key)


def first_run(connection: RmmConnection) -> datetime | None:
    """When to begin, after the schedule was set."""
    moment = now()
    return moment if connection.every_minutes is not None else next_run(connection, moment)


def source_of(connection: RmmConnection, keyring: KeyRing, policy: EgressPolicy) -> RmmSource:
    """The connection, ready to be asked. Raises KeyRingError."""
    kind = PRODUCTS[connection.product]
    opened: Mapping[str, Any] = json.loads(
        keyring.decrypt_text(connection.sealed_credentials or "", context=_context(connection))
    )
    return kind(
        Web(egress_under(replace(policy, deadline=LONGEST_ANSWER)), connection.base_url),
        settings=kind.Settings.model_validate(connection.settings),
        credentials=kind.Credentials.model_validate(opened),
    )


def _seal(connection: RmmConnection, credentials: Mapping[str, Any], keyring: KeyRing) -> None:
    connection.sealed_credentials = keyring.encrypt(json.dumps(credentials), context=_context(connection))


def _context(connection: RmmConnection) -> str:
    return f"rmm_connection:{connection.tenant_id}:{connection.id}:credentials"


async def _checked(
    session: TenantSession, kind: type[RmmSource], fields: RmmConnectionFields, *, policy: EgressPolicy
) -> dict[str, Any]:
    check_url(fields.base_url, policy, pointer="/base_url")
    check_schedule(fields)
    values = {name: getattr(fields, name) for name in RmmConnectionFields.model_fields}
    values["settings"] = accepted(kind.Settings, fields.settings, at="/settings")
    await keep_patients_out(session, {"name": fields.name})
    return values


def _for_the_trail(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "settings"}
