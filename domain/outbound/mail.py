"""Mail to people: written in the transaction that causes it, sent by the worker, and unreadable once it is sent.

A letter may hold a link that opens an account, so its text is sealed with the key ring and thrown away as soon as the SMTP
server has taken it. At least once: a worker that dies between sending and noting so sends again, under the same Message-ID.

On one machine without an SMTP server the text goes to the log. That is right only there: whoever reads that log owns the
database as well. Anywhere else logs travel to collectors that many can read, so there a letter waits and the log says why.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

import aiosmtplib
import structlog
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, col, select

from domain.clock import new_id, now
from domain.database import tenant_session
from domain.events import emit
from domain.jobs import SEND_MAIL, enqueue
from domain.people.tenants import all_tenants
from domain.runtime import Runtime
from domain.settings import Settings
from domain.tenancy import NOBODYS_TENANT, SYSTEM, TenantOwned, TenantSession, Wall, instant, one_of

log = structlog.get_logger()

DELAYS = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 360, 900))
"""Between one attempt and the next: about a day in all, as mail servers themselves would try."""
PATIENCE = 30.0
LONGEST_SUBJECT = 200
OVERDUE = timedelta(minutes=5)
NO_SERVER = "no_smtp_server"


class MailStatus(StrEnum):
    waiting = "waiting"
    sent = "sent"
    failed = "failed"


class Mail(TenantOwned, table=True):
    """One letter. Its tenant may be nobody's: a forgotten password belongs to a person, not to one of their tenants."""

    __table_args__ = (
        UniqueConstraint("tenant_id", "key"),
        Index("ix_mail_waiting", "tenant_id", "next_attempt_at", postgresql_where="status = 'waiting'"),
    )
    noun: ClassVar[str] = "mail"

    organization_id: UUID | None = None
    key: str = Field(max_length=300)
    recipient: str = Field(max_length=320)
    subject: str
    sealed: str | None = None
    """The text, encrypted; null as soon as it has been sent or given up."""
    status: MailStatus = one_of(MailStatus, default=MailStatus.waiting)
    attempts: int = 0
    next_attempt_at: datetime | None = instant(default=None)
    sent_at: datetime | None = instant(default=None)
    failure: str | None = None
    """Why the last attempt came to nothing: a code of ours, or the kind of error and the server's number."""


_WRITE = """
    insert into mail (tenant_id, id, created_at, updated_at, version, organization_id, key, recipient, subject, sealed, status,
        attempts, next_attempt_at, failure)
    values ($1, $2, now(), now(), 1, $3, $4, $5, $6, $7, $8, 0, $9, $10)
    on conflict (tenant_id, key) do nothing returning id"""


async def send_mail(
    session: TenantSession, *, to: str, subject: str, text: str, key: str, organization_id: UUID | None = None
) -> None:
    """Send ``text`` to one address when this transaction commits. A ``key`` that was used before sends nothing.

    The subject is kept and may be logged: no secret belongs there. What is no address is kept as failed rather than raised,
    so that one typing error in a client's contact does not stop the reminders of all others.
    """
    id = new_id()
    address = _address(to)
    sealed = session.keyring.encrypt(text, _context(session.tenant_id, id)) if address else None
    status = MailStatus.waiting if address else MailStatus.failed
    due, failure = (now(), None) if address else (None, "no_address")
    written = await (await session.driver()).fetchval(
        _WRITE, session.tenant_id, id, organization_id, key, address or to[:320], _one_line(subject), sealed, status.value,
        due, failure,
    )  # fmt: skip
    if written and address:
        enqueue(session, SEND_MAIL, mail_id=id)
    elif written:
        log.error("mail.failed", mail_id=str(id), failure=failure)
        _tell(session, Mail(id=id, organization_id=organization_id, key=key, recipient=to, subject=subject, failure=failure))


def _address(text: str) -> str | None:
    """An address that SMTP can carry, in ASCII; None for anything else, such as one with a line break in it."""
    try:
        return validate_email(text, check_deliverability=False, allow_smtputf8=False).ascii_email
    except EmailNotValidError:
        return None


def _one_line(subject: str) -> str:
    """A subject may quote what somebody typed; a line break in it would begin a header of theirs."""
    printable = "".join(each if each.isprintable() else " " for each in subject)
    return " ".join(printable.split())[:LONGEST_SUBJECT]


def _context(tenant_id: UUID, id: UUID) -> str:
    return f"mail:{tenant_id}:{id}"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A letter ready to be sent: nothing of it needs the database any more."""

    tenant_id: UUID
    mail_id: UUID
    version: int
    recipient: str
    subject: str
    text: str
    written_at: datetime


@dataclass(frozen=True)
class Outcome:
    """``failure`` None: the server has taken it. ``final``: it never will."""

    failure: str | None = None
    final: bool = False


async def deliver_mail(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind every attempt."""
    letter = await _prepare(runtime, payload)
    if letter is not None:
        await _record(runtime, letter, await hand_over(runtime.settings, letter))


async def _prepare(runtime: Runtime, payload: Mapping[str, Any]) -> Letter | None:
    """None when there is nothing to send any more."""
    tenant_id, mail_id = UUID(payload["tenant_id"]), UUID(payload["mail_id"])
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM, read_only=True) as session:
        mail = await session.fetch(Mail, mail_id)
        if mail.status is not MailStatus.waiting or mail.sealed is None:
            return None
        return Letter(
            tenant_id=tenant_id,
            mail_id=mail.id,
            version=mail.version,
            recipient=mail.recipient,
            subject=mail.subject,
            text=runtime.keyring.decrypt_text(mail.sealed, _context(tenant_id, mail.id)),
            written_at=mail.created_at,
        )


async def hand_over(settings: Settings, letter: Letter) -> Outcome:
    """Give a letter to the SMTP server, or on one machine without one to the log."""
    if settings.smtp_host is None:
        if not settings.embedded:
            return Outcome(NO_SERVER)
        log.info("mail.for_the_reader_of_this_log", to=letter.recipient, subject=letter.subject, text=letter.text)
        return Outcome()
    try:
        async with smtp_server(settings) as server:
            await server.send_message(_message(letter, settings))
    except aiosmtplib.SMTPRecipientsRefused as refused:
        code = refused.recipients[0].code
        return Outcome(f"recipient_refused:{code}", final=code >= 500)
    except aiosmtplib.SMTPDataError as refused:
        return Outcome(f"letter_refused:{refused.code}", final=refused.code >= 500)
    except aiosmtplib.SMTPResponseException as refused:
        # Our password, our address or our server's policy: a person mends that, and then the letter can go.
        return Outcome(f"{type(refused).__name__}:{refused.code}")
    except (aiosmtplib.SMTPException, OSError) as error:
        return Outcome(type(error).__name__)
    return Outcome()


def smtp_server(settings: Settings) -> aiosmtplib.SMTP:
    """The server of the settings; entering it connects, agrees on TLS and signs in."""
    return aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_user,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
        use_tls=settings.smtp_tls == "tls",
        start_tls=settings.smtp_tls == "starttls",
        tls_context=None if settings.smtp_tls == "none" else ssl.create_default_context(),
        timeout=PATIENCE,
    )


def _message(letter: Letter, settings: Settings) -> EmailMessage:
    """As RFC 5322 has it. The policy refuses line breaks in headers; the address and the subject have none."""
    assert settings.smtp_from is not None
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.smtp_from
    message["To"] = Address(addr_spec=letter.recipient)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = f"<{letter.mail_id}@{settings.smtp_from.rpartition('@')[2].rstrip('>')}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply, please
    message.set_content(letter.text)
    return message


async def _record(runtime: Runtime, letter: Letter, outcome: Outcome) -> None:
    """Note what came of it. An attempt that was not due any more changes nothing."""
    async with tenant_session(runtime.database, Wall(letter.tenant_id), actor=SYSTEM) as session:
        mail = await session.fetch(Mail, letter.mail_id, lock=True)
        if mail.status is not MailStatus.waiting or mail.version != letter.version:
            return
        mail.attempts += 1
        mail.failure = outcome.failure
        mail.next_attempt_at = None
        if outcome.failure is None:
            mail.status, mail.sealed, mail.sent_at = MailStatus.sent, None, now()
        elif outcome.final or mail.attempts > len(DELAYS):
            mail.status, mail.sealed = MailStatus.failed, None
            log.error("mail.failed", mail_id=str(mail.id), failure=outcome.failure)
            _tell(session, mail)
        else:
            delay = DELAYS[mail.attempts - 1]
            mail.next_attempt_at = now() + delay
            log.warning("mail.put_off", mail_id=str(mail.id), failure=outcome.failure, attempt=mail.attempts)
            enqueue(session, SEND_MAIL, mail_id=mail.id, after=delay)


def _tell(session: TenantSession, mail: Mail) -> None:
    """Somebody waits for a letter that will not come: the tenant's trail says so. Nobody's tenant has none."""
    if session.tenant_id != NOBODYS_TENANT:
        emit(session, "mail.failed", mail, {"recipient": mail.recipient, "subject": mail.subject, "failure": mail.failure})


async def sweep_mail(runtime: Runtime) -> None:
    """Queue again what is due and has no job, as after a loss of the queue. Twice is no harm: a sent letter has no text."""
    for tenant_id in (NOBODYS_TENANT, *await all_tenants(runtime.database)):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            overdue = select(col(Mail.id)).where(
                col(Mail.status) == MailStatus.waiting, col(Mail.next_attempt_at) < now() - OVERDUE
            )
            for mail_id in (await session.execute(overdue.limit(1_000))).scalars():
                enqueue(session, SEND_MAIL, mail_id=mail_id)
