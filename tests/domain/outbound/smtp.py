"""A real SMTP server (aiosmtpd) on the loopback interface, which asks for TLS and a password as providers do."""

import ssl
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

USER, PASSWORD = "bitewing", "correct horse"


@dataclass
class PostOffice:
    """What came in, and what to answer: a list of SMTP replies, one for each letter; then letters are taken."""

    port: int = 0
    replies: list[str] = field(default_factory=list[str])
    letters: list[EmailMessage] = field(default_factory=list[EmailMessage])
    envelopes: list[Envelope] = field(default_factory=list[Envelope])
    attempts: int = 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        self.attempts += 1
        if self.replies:
            return self.replies.pop(0)
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.envelopes.append(envelope)
        return "250 taken"


class _OnAnyPort(Controller):
    def _trigger_server(self) -> None:
        """The library dials the port it was given; ours is the one that the system chose."""
        server: Any = self.server
        self.port: int = server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def post_office(tls: ssl.SSLContext, *replies: str) -> Generator[PostOffice]:
    """Runs in a thread of its own; letters are taken only behind STARTTLS and a password."""
    office = PostOffice(replies=list(replies))

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=False)

    controller = _OnAnyPort(
        office,
        hostname="127.0.0.1",
        port=0,
        tls_context=tls,
        require_starttls=True,
        auth_required=True,
        authenticator=check,
    )
    controller.start()
    office.port = controller.port
    try:
        yield office
    finally:
        controller.stop()
