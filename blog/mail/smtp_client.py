"""Sends a message to the mail server over SMTP; the only code that connects to another server.

When TLS starts depends on the scheme. `smtps` uses TLS from the first byte. `smtp+starttls` starts
TLS before anything else and fails without it. `smtp` starts TLS if the server offers it, and then
accepts any certificate: an attacker who could forge one could hide the offer as well. With a
password, `smtp` requires TLS unless the server is this machine.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import aiosmtplib

from blog.loopback import is_loopback
from blog.mail.settings import MailServer

PATIENCE = 20.0  # seconds to wait for each reply of the server
LONGEST = 50.0  # seconds for one message; shorter than the first pause before a retry


@dataclass(frozen=True)
class OutgoingMessage:
    """An encoded message, from one address to one other address."""

    sender: str
    to: str
    body: bytes

    @property
    def is_international(self) -> bool:
        """True if an address has non-ASCII characters, which needs SMTPUTF8 on the server."""
        return not (self.sender + self.to).isascii()


class Undelivered(Exception):
    """The mail server did not accept a message.

    `stage` is where it failed: connect, tls, login, sender, recipient, message or lost (the
    connection). `reason` is the server's reply or a description of the error. `is_final` means that
    a retry of this message cannot succeed.
    """

    def __init__(self, stage: str, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.stage, self.reason = stage, reason
        self.is_final = is_final

    @property
    def is_server_fault(self) -> bool:
        """True if other messages would fail in the same way."""
        return self.stage in ("connect", "tls", "login", "sender", "lost")


class SmtpConnection:
    """An open connection to the mail server, for any number of messages."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    async def send(self, message: OutgoingMessage) -> str:
        """Send a message and return the server's reply. Raises `Undelivered`."""
        client = self._client
        options = ["SMTPUTF8"] if message.is_international else []
        if options and not client.supports_extension("smtputf8"):
            raise Undelivered("recipient", "SMTPUTF8 is not supported", is_final=True)
        encoding = "utf-8" if options else "ascii"
        try:
            with _errors_as_undelivered("message"):
                async with asyncio.timeout(LONGEST):
                    await client.mail(message.sender, options=options, encoding=encoding)
                    await client.rcpt(message.to, encoding=encoding)
                    response = await client.data(message.body)
        except Undelivered:
            with suppress(aiosmtplib.SMTPException, OSError):  # so that the next one starts afresh
                await client.rset(timeout=5)
            raise
        return f"{response.code} {response.message}"


@asynccontextmanager
async def smtp_connection(server: MailServer, name: str) -> AsyncIterator[SmtpConnection]:
    """Connect to the server, with `name` as our host name in EHLO. Raises `Undelivered`."""
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=name,
        timeout=PATIENCE,
        use_tls=server.scheme == "smtps",
        start_tls=False,
    )
    try:
        await _connect(client, server)
        yield SmtpConnection(client)
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=1)
    finally:
        # Abort rather than close: there is no need to wait for the TLS shutdown.
        getattr(client.transport, "abort", client.close)()
        client.close()


async def _connect(client: aiosmtplib.SMTP, server: MailServer) -> None:
    with _errors_as_undelivered("connect"):
        await client.connect()
        await client.ehlo()
    if must_encrypt(server) or (server.scheme == "smtp" and _can_encrypt(client, server)):
        with _errors_as_undelivered("tls"):
            await client.starttls(validate_certs=must_encrypt(server))
            await client.ehlo()
    if server.user:
        with _errors_as_undelivered("login"):
            await client.login(server.user, server.password)


def must_encrypt(server: MailServer) -> bool:
    """True if STARTTLS with a valid certificate is required."""
    with_password = server.scheme == "smtp" and bool(server.user) and not is_loopback(server.host)
    return server.scheme == "smtp+starttls" or with_password


def _can_encrypt(client: aiosmtplib.SMTP, server: MailServer) -> bool:
    return client.supports_extension("starttls") and not is_loopback(server.host)


@contextmanager
def _errors_as_undelivered(stage: str) -> Iterator[None]:
    """Turn the errors of the SMTP library and the network into `Undelivered`."""
    try:
        yield
    except (aiosmtplib.SMTPException, OSError, ValueError, TimeoutError) as error:
        raise _undelivered(stage, error) from error


def _undelivered(stage: str, error: BaseException) -> Undelivered:
    causes = (error, error.__cause__, error.__context__)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        stage = "tls"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _rejected(stage, error)
    if stage == "message" and isinstance(error, OSError):
        stage = "lost"
    return Undelivered(stage, _describe(error), is_final=isinstance(error, ValueError))


def _describe(error: BaseException) -> str:
    """Return the system's description of an error; asyncio's own is only "Connect call failed"."""
    cause = error.__cause__
    if (
        isinstance(cause, OSError)
        and (cause.errno or 0) > 0
        and not isinstance(cause, ssl.SSLError)
    ):
        return os.strerror(cause.errno or 0)
    return str(error) or f"no answer within {PATIENCE:.0f} seconds"


def _rejected(stage: str, error: aiosmtplib.SMTPResponseException) -> Undelivered:
    """Describe an error reply of the server.

    Only a 5xx reply to the recipient or the message is final. An error at another stage is due to
    the settings, which the site owner can correct, and 421 only means that the server closes the
    connection.
    """
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        stage = "sender"
    if isinstance(error, aiosmtplib.SMTPRecipientRefused):
        stage = "recipient"
    is_final = stage in ("recipient", "message") and 500 <= error.code < 600
    return Undelivered(stage, f"{error.code} {error.message}", is_final=is_final)
