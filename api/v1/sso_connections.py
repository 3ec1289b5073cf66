"""Connections to sign-in providers, the domains whose addresses they may speak for, and presets of well-known ones."""

from asyncio import Semaphore
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import String, bindparam, cast, func
from sqlmodel import col

from api.door import Changes, DoorRoute, Inside, may, merged, not_narrowed, patch_of, this
from api.issuers import Issuers, ProviderTrouble
from api.pages import Listing, Page, Paged, constant, page_of
from api.v1.sso import issuers_of, redirect_uri
from domain.access import Permission
from domain.errors import TooManyRequests
from domain.outbound.destinations import EgressPolicy
from domain.people import sso_connections, sso_domains
from domain.people.sso_connections import (
    MappedSeat,
    NewSsoConnectionFields,
    SeatGrant,
    SecondFactorBy,
    SsoConnection,
    SsoConnectionChanges,
    address,
)
from domain.people.sso_domains import SsoDomain, SsoDomainFields
from domain.people.sso_presets import sso_presets

router = APIRouter(route_class=DoorRoute, tags=["people"], dependencies=[Depends(not_narrowed)])
Reader = Annotated[Inside, may(Permission.sso_connections_read)]
Writer = Annotated[Inside, may(Permission.sso_connections_write)]
ThisConnection = Annotated[SsoConnection, this(SsoConnection)]
ThisDomain = Annotated[SsoDomain, this(SsoDomain)]


class PresetOut(BaseModel):
    preset: str
    name: str
    issuer: str = Field(description="Its form; what stands in braces is your own.")
    scopes: list[str]
    email_verified_claim: str
    domain_claim: str | None
    groups_claim: str | None
    note: str


class SsoConnectionOut(BaseModel):
    id: UUID
    name: str
    preset: str
    issuer: str
    client_id: str
    enabled: bool
    scopes: list[str]
    email_verified_claim: str
    domain_claim: str | None
    groups_claim: str | None
    auto_join: bool
    default_seat: SeatGrant | None
    role_mappings: list[MappedSeat]
    second_factor: SecondFactorBy
    mfa_acr_values: list[str]
    admits_owners: bool
    redirect_uri: str = Field(description="Register this at the provider, to the letter.")
    address: str = Field(description="`connection` of `GET /v1/sso/start`, where your people begin.")
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class SsoDomainOut(BaseModel):
    id: UUID
    domain: str
    record_name: str = Field(description="Where the TXT record has to stand.")
    record_value: str
    verified_at: datetime | None = Field(description="Null while the domain counts for nothing.")
    created_at: datetime


class TriedStepOut(BaseModel):
    step: str = Field(description="`metadata` or `keys`.")
    ok: bool
    trouble: str | None
    detail: str | None


class TriedOut(BaseModel):
    ok: bool
    steps: list[TriedStepOut]


def _address() -> Any:
    """As ``sso_connections.address`` writes it."""
    tenant, own = (
        func.replace(cast(each, String()), constant("'-'"), constant("''"), type_=String())
        for each in (SsoConnection.tenant_id, SsoConnection.id)
    )
    return tenant + constant("'.'") + own


CONNECTIONS = Listing(
    SsoConnectionOut,
    SsoConnection,
    sorts={"created_at": col(SsoConnection.created_at)},
    where=col(SsoConnection.archived_at).is_(None),
    columns={"address": _address(), "redirect_uri": bindparam("redirect_uri", type_=String())},
)
DOMAINS = Listing(SsoDomainOut, SsoDomain, sorts={"created_at": col(SsoDomain.created_at)})


@router.get("/sso-presets")
async def list_sso_presets(_by: Reader, window: Paged) -> Page[PresetOut]:
    """Well-known providers, and what a connection to each begins with."""
    known = [
        PresetOut(preset=each.key, **{name: getattr(each, name) for name in PresetOut.model_fields if name != "preset"})
        for each in sso_presets().values()
    ]
    return page_of(known, window, key=lambda each: each.preset)


@router.get("/sso-connections", response_model=Page[SsoConnectionOut])
async def list_sso_connections(by: Reader, window: Paged) -> Response:
    """The tenant's sign-in providers, the oldest first. Secrets are never shown."""
    return await CONNECTIONS.page(by, window, bound={"redirect_uri": redirect_uri(by.runtime.settings)})


@router.post("/sso-connections", status_code=201)
async def connect_sso(by: Writer, fields: NewSsoConnectionFields) -> SsoConnectionOut:
    """Connect a sign-in provider. Takes all that an admin may do, because it decides who comes in."""
    policy = EgressPolicy.of(by.runtime.settings)
    made = await sso_connections.connect(by.session, fields, by=by.principal, policy=policy, keyring=by.runtime.keyring)
    return _shown(by, by.tag(made))


@router.get("/sso-connections/{sso_connection_id}")
async def read_sso_connection(by: Reader, connection: ThisConnection) -> SsoConnectionOut:
    return _shown(by, connection)


@router.patch("/sso-connections/{sso_connection_id}", openapi_extra=patch_of(SsoConnectionChanges))
async def change_sso_connection(by: Writer, connection: ThisConnection, changes: Changes) -> SsoConnectionOut:
    """Change a connection; never its issuer or client, which would be another one."""
    fields = merged(SsoConnectionChanges, connection, changes)
    changed = await sso_connections.change_connection(
        by.session, connection, fields, by=by.principal, keyring=by.runtime.keyring
    )
    return _shown(by, changed)


@router.delete("/sso-connections/{sso_connection_id}", status_code=204)
async def archive_sso_connection(by: Writer, connection: ThisConnection) -> None:
    """Let nobody in by this provider any more. Whoever is signed in stays so until their session ends."""
    await sso_connections.remove(by.session, connection, by=by.principal)


@router.post("/sso-connections/{sso_connection_id}/test")
async def try_sso_connection(by: Writer, request: Request, connection: ThisConnection) -> TriedOut:
    """Ask the provider for its metadata and its keys, and say what was wrong. Whether it knows our client shows with the
    first sign-in."""
    async with _in_turn(request):
        steps = await _try(issuers_of(request), connection.issuer)
    return TriedOut(ok=all(each.ok for each in steps), steps=steps)


@router.get("/sso-domains", response_model=Page[SsoDomainOut])
async def list_sso_domains(by: Reader, window: Paged) -> Response:
    """The domains that the tenant says are its own, the oldest first."""
    return await DOMAINS.page(by, window)


@router.post("/sso-domains", status_code=201, response_model=SsoDomainOut)
async def claim_sso_domain(by: Writer, fields: SsoDomainFields) -> SsoDomain:
    """Say that a domain is yours. The answer tells which TXT record proves it."""
    return by.tag(await sso_domains.claim(by.session, fields))


@router.get("/sso-domains/{sso_domain_id}", response_model=SsoDomainOut)
async def read_sso_domain(by: Reader, domain: ThisDomain) -> SsoDomain:
    return domain


@router.post("/sso-domains/{sso_domain_id}/verification", response_model=SsoDomainOut)
async def verify_sso_domain(by: Writer, request: Request, domain: ThisDomain) -> SsoDomain:
    """Look the TXT record up. `verified_at` stays null while it is not there."""
    async with _in_turn(request):
        return await sso_domains.verify(by.session, domain, by.runtime.settings)


@router.delete("/sso-domains/{sso_domain_id}", status_code=204)
async def release_sso_domain(by: Writer, domain: ThisDomain) -> None:
    """Give a domain up: nobody new comes in for its addresses."""
    await sso_domains.release(by.session, domain)


async def _try(issuers: Issuers, issuer: str) -> list[TriedStepOut]:
    steps: list[TriedStepOut] = []
    try:
        provider = await issuers.provider(issuer, anew=True)
        steps.append(TriedStepOut(step="metadata", ok=True, trouble=None, detail=None))
        await issuers.keys(provider, anew=True)
        steps.append(TriedStepOut(step="keys", ok=True, trouble=None, detail=None))
    except ProviderTrouble as trouble:
        step = "keys" if steps else "metadata"
        steps.append(TriedStepOut(step=step, ok=False, trouble=trouble.code, detail=trouble.detail))
    return steps


@asynccontextmanager
async def _in_turn(request: Request) -> AsyncGenerator[None]:
    """Refuses rather than waits: whoever waited would hold a connection to the database meanwhile."""
    waiting: Semaphore = request.app.state.waiting_outside
    if waiting.locked():
        raise TooManyRequests("Others are waiting for slow answers just now. Try again.", retry_after=2)
    async with waiting:
        yield


def _shown(by: Inside, connection: SsoConnection) -> SsoConnectionOut:
    own = {name: getattr(connection, name) for name in SsoConnectionOut.model_fields if name in SsoConnection.model_fields}
    return SsoConnectionOut(**own, redirect_uri=redirect_uri(by.runtime.settings), address=address(connection))
