"""Domains that a tenant has proven to be its own, by a record in the DNS: only for their addresses is a provider believed.

The surprising fact: two tenants may prove the same domain, each with its own word. What a provider says about an address
lets somebody into the tenant that set the provider up, and into no other.
"""

import re
import secrets
from datetime import datetime
from typing import ClassVar

import dns.asyncresolver
import dns.exception
import dns.resolver
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from domain.clock import now
from domain.errors import Invalid, Unavailable
from domain.events import emit
from domain.people.step_up import expect_fresh_proof
from domain.settings import Settings
from domain.tenancy import Fields, TenantOwned, TenantSession, instant, tenant_table

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"(?=.{{4,253}}$){_LABEL}(\.{_LABEL})+")
_PREFIX = "bitewing-domain="
WITHIN_SECONDS = 5.0


class SsoDomainFields(Fields):
    domain: str = Field(max_length=253, description="Such as `msp.example`, without what stands before the @.")


class SsoDomain(SsoDomainFields, TenantOwned, table=True):
    __tablename__ = "sso_domain"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(UniqueConstraint("tenant_id", "domain"))
    noun: ClassVar[str] = "sso_domain"

    record_name: str
    record_value: str
    """What a TXT record of that name has to say. It is no secret: it proves who may write the record."""
    verified_at: datetime | None = instant(default=None)


async def claim(session: TenantSession, fields: SsoDomainFields) -> SsoDomain:
    """Say that a domain is one's own. It counts for nothing until it is verified."""
    domain = fields.domain.lower().rstrip(".")
    if not _DOMAIN.fullmatch(domain):
        raise Invalid.one("/domain", "no_domain", "This is not the name of a domain; write names beyond ASCII as xn--.")
    row = SsoDomain(domain=domain, record_name=f"_bitewing.{domain}", record_value=_PREFIX + secrets.token_urlsafe(24))
    await session.save(row)
    emit(session, "sso_domain.created", row, {"domain": domain})
    return row


async def verify(session: TenantSession, row: SsoDomain, settings: Settings) -> SsoDomain:
    """Look the record up. A domain whose record is gone is believed no more; a name server that is silent changes nothing.

    It lets people in for whom a connection that is there already has a seat, so it needs a fresh proof.
    """
    await expect_fresh_proof(session)
    found = row.record_value in await _texts(row.record_name, settings)
    if found and row.verified_at is None:
        row.verified_at = now()
        await session.flush()
        emit(session, "sso_domain.verified", row, {"domain": row.domain})
    elif not found and row.verified_at is not None:
        row.verified_at = None
        await session.flush()
        emit(session, "sso_domain.lapsed", row, {"domain": row.domain})
    return row


async def release(session: TenantSession, row: SsoDomain) -> None:
    """Give a domain up: nobody is let in for its addresses any more. Who is linked already stays so."""
    emit(session, "sso_domain.released", row, {"domain": row.domain})
    await session.delete(row)


async def is_verified(session: TenantSession, domain: str) -> bool:
    """Whether the tenant has proven this domain, to the letter: a part of it is another one."""
    statement = select(SsoDomain.id).where(col(SsoDomain.domain) == domain, col(SsoDomain.verified_at).is_not(None))
    return (await session.execute(statement)).first() is not None


async def _texts(name: str, settings: Settings) -> set[str]:
    """What the TXT records of a name say; :class:`Unavailable` where the DNS gave no answer at all."""
    try:
        resolver = dns.asyncresolver.Resolver(configure=settings.dns_server is None)
        if settings.dns_server is not None:
            host, _, port = settings.dns_server.rpartition(":")
            resolver.nameservers, resolver.port = [host], int(port)
        answer = await resolver.resolve(name, "TXT", lifetime=WITHIN_SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return set()
    except (dns.exception.DNSException, OSError):
        raise Unavailable("The DNS gave no answer about this domain. Try again in a while.") from None
    return {b"".join(record.strings).decode("utf-8", "replace") for record in answer}
