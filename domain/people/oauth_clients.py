"""Applications of partners: what may ask a member to let it act for them, within the tenant that registered it.

A client id reads ``bwc_<tenant, 32 hex digits>_<id, 32 hex digits>``. It is no secret and tells behind which wall to look.
A **public** client runs where its user could read a secret, such as a page in a browser, and has none. A **confidential**
one has a secret that is shown once, and may then also act for itself (client credentials): of what it was given, only what
its **sponsor** may do at that moment, who is at first the member who registered it.
"""

import hmac
import re
import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator
from sqlmodel import Field, col, select

from domain.access import Principal
from domain.clock import now
from domain.errors import Conflict, Forbidden, Invalid
from domain.events import emit
from domain.keyring import fingerprint
from domain.people.acting import acting_member
from domain.people.lending import (
    NarrowingFields,
    check_narrowing,
    check_scopes,
    hand_on_narrowing,
    may_more,
    refuse_borrowed,
)
from domain.people.redirects import checked_redirect
from domain.people.revocation import forget_credentials
from domain.people.step_up import expect_fresh_proof_for
from domain.records import archive, change, create
from domain.settings import LOOPBACK, ORIGIN
from domain.tenancy import (
    Archivable,
    TenantOwned,
    TenantSession,
    belongs_to_tenants,
    instant,
    json_list,
    one_of,
    tenant_table,
)

MOST_ADDRESSES = 20
_CLIENT_ID = re.compile(r"bwc_([0-9a-f]{32})_([0-9a-f]{32})")


class ClientKind(StrEnum):
    public = "public"
    confidential = "confidential"


def _origin(text: str) -> str:
    host = text.rpartition("//")[2].rpartition(":")[0] or text.rpartition("//")[2]
    if not ORIGIN.fullmatch(text) or not (text.startswith("https://") or host.strip("[]") in LOOPBACK):
        raise ValueError("An origin reads https://host or https://host:port, in small letters.")
    return text


class OAuthClientChanges(NarrowingFields):
    """What can be said about an application later as well."""

    name: str = Field(min_length=1, max_length=200, description="Shown to the people who are asked.")
    description: str | None = Field(default=None, max_length=1000, description="What it is for, shown beside its name.")
    redirect_uris: list[Annotated[str, AfterValidator(checked_redirect)]] = json_list()
    """Where people may be sent back to, letter by letter: `https`, or a loopback address with any port."""
    origins: list[Annotated[str, AfterValidator(_origin)]] = json_list()
    """Of the web pages that may call the API and take tokens from a browser (CORS)."""
    scopes: list[str] = json_list()
    """Permissions such as ``devices:read``: the most that it may ever ask for."""
    client_credentials: bool = Field(default=False, description="Whether it may also act for itself, without a member.")


class OAuthClientFields(OAuthClientChanges):
    kind: ClientKind = one_of(ClientKind)


class OAuthClient(OAuthClientFields, TenantOwned, Archivable, table=True):
    __tablename__ = "oauth_client"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(belongs_to_tenants("member", "sponsor_id"))
    noun: ClassVar[str] = "oauth_client"

    sponsor_id: UUID
    """The member who answers for it, and whose rights bound what it does for itself."""
    secret_fingerprint: str | None = None
    previous_fingerprint: str | None = None
    """Of the secret that the present one replaced."""
    previous_until: datetime | None = instant(default=None)

    @property
    def client_id(self) -> str:
        """What it calls itself in OAuth."""
        return f"bwc_{self.tenant_id.hex}_{self.id.hex}"


def read_client_id(text: str) -> tuple[UUID, UUID] | None:
    """The tenant and the id in a client id; None for what is none."""
    match = _CLIENT_ID.fullmatch(text)
    return (UUID(match[1]), UUID(match[2])) if match else None


async def client_called(session: TenantSession, text: str) -> OAuthClient | None:
    """The application with this client id, in the session's tenant and not archived."""
    known = read_client_id(text)
    if known is None or known[0] != session.tenant_id:
        return None
    statement = select(OAuthClient).where(col(OAuthClient.id) == known[1], col(OAuthClient.archived_at).is_(None))
    return (await session.execute(statement)).scalar_one_or_none()


def has_secret(client: OAuthClient, secret: str) -> bool:
    """Whether this is the application's secret, or the one before while that goes on."""
    shown = fingerprint(secret)
    good = [client.secret_fingerprint]
    if client.previous_until is not None and client.previous_until > now():
        good.append(client.previous_fingerprint)
    return any(each is not None and hmac.compare_digest(each, shown) for each in good)


async def register(session: TenantSession, fields: OAuthClientFields, *, by: Principal) -> tuple[OAuthClient, str | None]:
    """A new application within its maker's rights, and the secret of a confidential one, which is never seen again."""
    sponsor_id = acting_member(session)
    await _check(session, fields, fields.kind, by)
    client = OAuthClient(**fields.model_dump(), sponsor_id=sponsor_id)
    client.organization_ids = hand_on_narrowing(by, fields)
    await create(session, client)
    secret = _new_secret(client) if client.kind is ClientKind.confidential else None
    await session.flush()
    return client, secret


async def change_client(
    session: TenantSession, client: OAuthClient, fields: OAuthClientChanges, *, by: Principal
) -> OAuthClient:
    """Set what it may do and where it lives; both what it may now and what it could before lie within one's own rights.

    Tokens shrink with it at once, and never grow beyond what their member agreed to.
    """
    await _refuse_wider(session, client, by)
    await _check(session, fields, client.kind, by)
    await change(session, client, fields)
    await forget_credentials(session, client.id)
    return client


async def rotate_secret(session: TenantSession, client: OAuthClient, *, overlap: timedelta, by: Principal) -> str:
    """A new secret. The old one goes on for the overlap, so that nothing stands still meanwhile."""
    await _refuse_wider(session, client, by)
    await expect_fresh_proof_for(session, client.scopes)
    if client.kind is ClientKind.public:
        raise Conflict("A public client has no secret: whoever uses it could read it.", code="no_secret")
    client.previous_fingerprint, client.previous_until = client.secret_fingerprint, now() + overlap
    secret = _new_secret(client)
    await session.flush()
    emit(session, "oauth_client.secret_rotated", client, {"previous_until": client.previous_until})
    return secret


async def take_over(session: TenantSession, client: OAuthClient, *, by: Principal) -> OAuthClient:
    """Become the one who answers for it. What it does for itself is then bounded by the new sponsor's rights."""
    await _refuse_wider(session, client, by)
    await expect_fresh_proof_for(session, client.scopes)
    before, client.sponsor_id = client.sponsor_id, acting_member(session)
    await session.flush()
    emit(session, "oauth_client.sponsored", client, {"sponsor_id": {"from": before, "to": client.sponsor_id}})
    await forget_credentials(session, client.id)
    return client


async def withdraw(session: TenantSession, client: OAuthClient, *, by: Principal) -> None:
    """End an application and all that it was granted, at once and in every process: a token of an archived client is none."""
    refuse_borrowed(by)
    await archive(session, client)
    await forget_credentials(session, client.id)


async def _refuse_wider(session: TenantSession, client: OAuthClient, by: Principal) -> None:
    refuse_borrowed(by)
    if await may_more(session, client, by):
        raise Forbidden("This application may do more than you, so it is not yours to change.", code="beyond_maker")


async def _check(session: TenantSession, fields: OAuthClientChanges, kind: ClientKind, by: Principal) -> None:
    refuse_borrowed(by)
    await expect_fresh_proof_for(session, fields.scopes)
    check_scopes(by, fields.scopes)
    await check_narrowing(session, by, fields)
    for name in ("redirect_uris", "origins"):
        if len(getattr(fields, name)) > MOST_ADDRESSES:
            raise Invalid.one(f"/{name}", "too_long", f"Name at most {MOST_ADDRESSES}.")
    if fields.client_credentials and kind is ClientKind.public:
        raise Invalid.one("/client_credentials", "confidential_only", "Only an application with a secret can act for itself.")


def _new_secret(client: OAuthClient) -> str:
    text = f"bwcs_{client.tenant_id.hex}_{secrets.token_urlsafe(32)}"
    client.secret_fingerprint = fingerprint(text)
    return text
