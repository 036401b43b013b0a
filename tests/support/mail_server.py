"""A real SMTP server for the tests, which can also refuse messages, hang, die and restart."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.support.live_server import free_port


@dataclass(frozen=True)
class Arrived:
    """A message as the server received it."""

    sender: str
    to: str
    message: EmailMessage
    options: tuple[str, ...]

    def part(self, kind: str) -> str:
        body = self.message.get_body((kind,))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")


class PostOffice:
    """`with PostOffice() as server:`. Received messages are in `server.letters`.

    `says` returns the response to a recipient ("550 No such user"), `takes` that to the message,
    and None accepts. With `dies`, the connection is closed after the message, without a response.
    With `hangs`, there is never a response.
    """

    def __init__(self, *, user: str = "", password: str = "", **tls: Any) -> None:
        self.port = free_port()
        self.letters: list[Arrived] = []
        self.tries = 0
        self.says: Callable[[str], str | None] = lambda to: None
        self.takes: Callable[[str], str | None] = lambda to: None
        self.dies = self.hangs = False
        self.login, self.tls = (user, password), tls

    # --- running ---

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        settings: dict[str, Any] = {**self.tls, "enable_SMTPUTF8": True}
        if self.login[0]:
            settings |= {"authenticator": self._authenticate, "auth_required": True}
            settings |= {"auth_require_tls": bool(self.tls)}
        self._server = Controller(self, hostname="127.0.0.1", port=self.port, **settings)
        self._server.start()

    def close(self) -> None:
        with suppress(AssertionError):  # it is already closed
            self._server.stop()

    def url(self, scheme: str = "smtp", who: str = "") -> str:
        return f"{scheme}://{who}127.0.0.1:{self.port}"

    def to(self, address: str) -> list[Arrived]:
        return [letter for letter in self.letters if letter.to == address]

    # --- called by aiosmtpd ---

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.tries += 1
        if self.hangs:
            await asyncio.sleep(60)
        if response := self.says(address):
            return response
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        if self.dies:
            server.transport.abort()
            return "250 Never received"
        (to,) = envelope.rcpt_tos
        if response := self.takes(to):
            return response
        message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(message, EmailMessage)
        sent = Arrived(str(envelope.mail_from), to, message, tuple(envelope.mail_options))
        self.letters.append(sent)
        return "250 Taken"

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        login = (data.login.decode(), data.password.decode())
        return AuthResult(success=login == self.login, handled=False)


def context(certificate: str, key: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made
