"""Letters leave by a real SMTP server, once per key, and leave no secret behind; whatever goes wrong shows."""

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlmodel import col, select
from structlog.testing import capture_logs

from domain.clock import now
from domain.database import tenant_session
from domain.outbound import mail
from domain.outbound.mail import Letter, Mail, MailStatus, deliver_mail, hand_over, send_mail
from domain.runtime import Runtime
from domain.settings import load_settings
from domain.tenancy import NOBODYS_TENANT, SYSTEM, Wall
from tests.domain.outbound.listening import eventually, working
from tests.domain.outbound.receivers import Authority
from tests.domain.outbound.smtp import PASSWORD, USER, PostOffice, post_office
from tests.makers import House

KEY = "k"
SECRET = "https://bitewing.example/in?token=very-secret"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ssl.SSLContext:
    """A server's context, for which the operator has named the authority as the settings' text says."""
    file = tmp_path / "authority.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(authority.trusting().get_ca_certs(binary_form=True)[0]))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return authority.serving("127.0.0.1")


def through(runtime: Runtime, office: PostOffice, **settings: Any) -> Runtime:
    """The same program with an SMTP server."""
    smtp = {
        "smtp_host": "127.0.0.1",
        "smtp_port": office.port,
        "smtp_user": USER,
        "smtp_password": SecretStr(PASSWORD),
        "smtp_from": "Bitewing <noreply@msp.example>",
    }
    return replace(runtime, settings=runtime.settings.model_copy(update={**smtp, **settings}))


async def write(
    runtime: Runtime,
    tenant_id: UUID,
    *,
    to: str = "ann@msp.example.com",
    key: str = KEY,
    subject: str = "Hello",
    text: str = f"Come in: {SECRET}\n",
) -> None:
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        await send_mail(session, to=to, key=key, subject=subject, text=text)


async def kept(runtime: Runtime, tenant_id: UUID) -> list[Mail]:
    """What these tests wrote; signing up has sent a letter of its own."""
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        mine = select(Mail).where(col(Mail.key) == KEY).order_by(col(Mail.id))
        return list((await session.execute(mine)).scalars())


async def attempt(runtime: Runtime, tenant_id: UUID) -> Mail:
    """One attempt at the only letter of a tenant."""
    [letter] = await kept(runtime, tenant_id)
    await deliver_mail(runtime, {"tenant_id": str(tenant_id), "mail_id": str(letter.id)})
    [letter] = await kept(runtime, tenant_id)
    return letter


async def test_a_letter_is_sent_once_per_key_and_its_text_forgotten(
    house: House, runtime: Runtime, trusted: ssl.SSLContext
) -> None:
    tenant_id = (await house.tenant()).tenant_id
    with post_office(trusted) as office:
        async with working(through(runtime, office)):
            await write(runtime, tenant_id)
            await write(runtime, tenant_id, text="Not this one: the key was used.")
            await write(runtime, NOBODYS_TENANT, key=f"for somebody without a tenant {tenant_id}")
            await eventually(lambda: len(office.letters) == 3, "both letters, and the one of signing up")

            async def noted() -> bool:
                return [each.status for each in await kept(runtime, tenant_id)] == [MailStatus.sent]

            await eventually(noted, "the letter noted as sent")
    [first] = [each for each in office.letters if await _belongs(runtime, tenant_id, each["Message-ID"])]
    assert first.get_content().strip() == f"Come in: {SECRET}"
    assert (first["To"], first["From"], first["Subject"]) == ("ann@msp.example.com", "Bitewing <noreply@msp.example>", "Hello")
    [letter] = await kept(runtime, tenant_id)
    assert (letter.sealed, letter.failure, letter.attempts) == (None, None, 1)


async def _belongs(runtime: Runtime, tenant_id: UUID, message_id: str) -> bool:
    return message_id == f"<{(await kept(runtime, tenant_id))[0].id}@msp.example>"


async def test_until_it_is_sent_it_cannot_be_read_without_the_key(house: House, runtime: Runtime) -> None:
    tenant_id = (await house.tenant()).tenant_id
    await write(runtime, tenant_id)
    [letter] = await kept(runtime, tenant_id)
    assert letter.sealed is not None
    assert "secret" not in letter.model_dump_json()
    assert SECRET in runtime.keyring.decrypt_text(letter.sealed, f"mail:{tenant_id}:{letter.id}")


async def test_what_fails_for_a_while_is_tried_again_and_what_fails_for_good_is_told(
    house: House, runtime: Runtime, trusted: ssl.SSLContext
) -> None:
    owner = await house.tenant()
    await write(runtime, owner.tenant_id)
    with post_office(trusted, "451 4.3.0 come back later", "554 5.7.1 spam") as office:
        sending = through(runtime, office)
        letter = await attempt(through(runtime, office, smtp_password=SecretStr("wrong")), owner.tenant_id)
        assert (letter.failure, letter.status) == ("SMTPAuthenticationError:535", MailStatus.waiting)
        letter = await attempt(sending, owner.tenant_id)
        assert (letter.failure, letter.status) == ("letter_refused:451", MailStatus.waiting)
        assert letter.next_attempt_at is not None
        assert letter.next_attempt_at > now()
        letter = await attempt(sending, owner.tenant_id)
        assert (letter.failure, letter.status, letter.sealed) == ("letter_refused:554", MailStatus.failed, None)
        await attempt(sending, owner.tenant_id)
        assert office.attempts == 2, "what is given up is not tried again"
    events = await owner.all("/events")
    assert [each["changes"]["failure"]["to"] for each in events if each["kind"] == "mail.failed"] == ["letter_refused:554"]
    assert SECRET not in str(events)


async def test_a_mailbox_that_is_not_there_is_final_and_a_server_that_is_not_is_not(
    house: House, runtime: Runtime, trusted: ssl.SSLContext
) -> None:
    nobody, somebody = await house.tenant(), await house.tenant()
    await write(runtime, nobody.tenant_id, to="nobody@msp.example.com")
    await write(runtime, somebody.tenant_id)
    with post_office(trusted) as office:
        letter = await attempt(through(runtime, office), nobody.tenant_id)
    assert (letter.failure, letter.status) == ("recipient_refused:550", MailStatus.failed)
    letter = await attempt(through(runtime, office), somebody.tenant_id)
    assert (letter.failure, letter.status) == ("SMTPConnectError", MailStatus.waiting)


async def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    house: House, runtime: Runtime, authority: Authority
) -> None:
    tenant_id = (await house.tenant()).tenant_id
    await write(runtime, tenant_id)
    with post_office(authority.serving("127.0.0.1")) as office:
        letter = await attempt(through(runtime, office), tenant_id)
    assert letter.status is MailStatus.waiting
    assert letter.failure is not None
    assert office.attempts == 0


@pytest.mark.parametrize("to", ["ann@msp.example.com\r\nBcc: eve@evil.example", "ann@msp.example.com, eve@evil.example", "ann"])
async def test_an_address_that_is_none_is_kept_as_failed_and_harms_nobody(house: House, runtime: Runtime, to: str) -> None:
    owner = await house.tenant()
    await write(runtime, owner.tenant_id, to=to)
    [letter] = await kept(runtime, owner.tenant_id)
    assert (letter.status, letter.failure, letter.sealed) == (MailStatus.failed, "no_address", None)
    assert "mail.failed" in {each["kind"] for each in await owner.all("/events")}


async def test_a_subject_cannot_begin_a_header(house: House, runtime: Runtime, trusted: ssl.SSLContext) -> None:
    tenant_id = (await house.tenant()).tenant_id
    await write(runtime, tenant_id, subject="Join\r\nBcc: eve@evil.example\r\n\r\nLakeview\u2028Dénta\x00l " + "x" * 500)
    with post_office(trusted) as office:
        await attempt(through(runtime, office), tenant_id)
    [letter] = office.letters
    assert letter["Bcc"] is None
    assert letter["Subject"].startswith("Join Bcc: eve@evil.example Lakeview Dénta l xxx")
    assert office.envelopes[0].rcpt_tos == ["ann@msp.example.com"]


async def test_without_a_server_the_log_is_the_letter_box_on_one_machine_only(runtime: Runtime) -> None:
    letter = Letter(
        tenant_id=NOBODYS_TENANT, mail_id=NOBODYS_TENANT, version=1, recipient="a@b.example", subject="s", text=SECRET,
        written_at=now(),
    )  # fmt: skip
    with capture_logs() as logs:
        assert await hand_over(load_settings({}), letter) == mail.Outcome()
    assert [each["text"] for each in logs] == [SECRET]
    elsewhere = runtime.settings.model_copy(update={"database_url": SecretStr("postgresql://db/bitewing")})
    with capture_logs() as logs:
        assert await hand_over(elsewhere, letter) == mail.Outcome(mail.NO_SERVER)
    assert logs == []
