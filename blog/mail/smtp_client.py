"""What is asked of other servers: that one takes a mail. Nothing else of ours talks to any.

When TLS begins: `smtps` from the first byte; `smtp+starttls` before anything is told, or not at
all; `smtp` if the server offers it, and then with any certificate, since whoever could forge one
could as well hide the offer. With a password `smtp` insists, unless the server is this machine.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aiosmtplib

from blog.loopback import is_loopback
from blog.mail.settings import MailServer

PATIENCE = 20.0  # seconds for each answer of a server
LONGEST = 50.0  # seconds for one letter; shorter than the first back-off of a delivery


@dataclass(frozen=True)
class OutgoingMessage:
    """A mail as it goes over the wire, from one address to one other."""

    sender: str
    to: str
    body: bytes

    @property
    def is_international(self) -> bool:
        """An address with other letters than ASCII needs a server that knows them."""
        return not (self.sender + self.to).isascii()


class Undelivered(Exception):
    """A mail was not taken. `stage`: connect, tls, login, sender, recipient, letter or lost."""

    def __init__(self, stage: str, said: str, *, is_final: bool = False) -> None:
        super().__init__(said)
        self.stage, self.said = stage, said
        self.is_final = is_final  # the server will never take this one

    @property
    def is_servers(self) -> bool:
        """The next mail would fare no better."""
        return self.stage in ("connect", "tls", "login", "sender", "lost")


class SmtpConnection:
    """A connection to the mail server that is good for several letters."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    async def send(self, letter: OutgoingMessage) -> str:
        """What the server said when it took the letter. Raises `Undelivered`."""
        client = self._client
        options = ["SMTPUTF8"] if letter.is_international else []
        if options and not client.supports_extension("smtputf8"):
            raise Undelivered("recipient", "SMTPUTF8 is not supported", is_final=True)
        coding = "utf-8" if options else "ascii"
        try:
            with _told("letter"):
                async with asyncio.timeout(LONGEST):
                    await client.mail(letter.sender, options=options, encoding=coding)
                    await client.rcpt(letter.to, encoding=coding)
                    answer = await client.data(letter.body)
        except Undelivered:
            with suppress(aiosmtplib.SMTPException, OSError):  # the next letter begins anew
                await client.rset(timeout=5)
            raise
        return f"{answer.code} {answer.message}"


@asynccontextmanager
async def smtp_connection(server: MailServer, name: str) -> AsyncIterator[SmtpConnection]:
    """Greet the server as `name`, and say good-bye. Raises `Undelivered`."""
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
        # No more words about the end of TLS: all has been said.
        getattr(client.transport, "abort", client.close)()
        client.close()


async def _connect(client: aiosmtplib.SMTP, server: MailServer) -> None:
    with _told("connect"):
        await client.connect()
        await client.ehlo()
    if must_encrypt(server) or (server.scheme == "smtp" and _offers_more(client, server)):
        with _told("tls"):
            await client.starttls(validate_certs=must_encrypt(server))
            await client.ehlo()
    if server.user:
        with _told("login"):
            await client.login(server.user, server.password)


def must_encrypt(server: MailServer) -> bool:
    """Whether TLS has to be begun on an open connection."""
    with_password = server.scheme == "smtp" and bool(server.user) and not is_loopback(server.host)
    return server.scheme == "smtp+starttls" or with_password


def _offers_more(client: aiosmtplib.SMTP, server: MailServer) -> bool:
    return client.supports_extension("starttls") and not is_loopback(server.host)


class _told:  # noqa: N801 -- reads as a phrase: `with _told("connect"):`
    """Whatever goes wrong inside is an `Undelivered` of this stage."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> None:
        if isinstance(fault, (aiosmtplib.SMTPException, OSError, ValueError, TimeoutError)):
            raise _undelivered(self.stage, fault) from fault


def _undelivered(stage: str, fault: BaseException) -> Undelivered:
    causes = (fault, fault.__cause__, fault.__context__)
    if any(map(_is_tls, causes)):
        stage = "tls"
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        return _answered(stage, fault)
    if stage == "letter":
        stage = "lost" if isinstance(fault, OSError) else "letter"
    return Undelivered(stage, _in_words(fault), is_final=isinstance(fault, ValueError))


def _is_tls(fault: BaseException | None) -> bool:
    return isinstance(fault, ssl.SSLError)


def _in_words(fault: BaseException) -> str:
    """asyncio says “Connect call failed” of whatever the system has a word for."""
    cause = fault.__cause__
    if (
        isinstance(cause, OSError)
        and (cause.errno or 0) > 0
        and not isinstance(cause, ssl.SSLError)
    ):
        return os.strerror(cause.errno or 0)
    return str(fault) or f"no answer within {PATIENCE:.0f} seconds"


def _answered(stage: str, fault: aiosmtplib.SMTPResponseException) -> Undelivered:
    """By the step at which the server said no. What is wrong with the settings is not final, for
    a keeper can mend it; nor is 421, with which a server goes away."""
    if isinstance(fault, aiosmtplib.SMTPSenderRefused):
        stage = "sender"
    if isinstance(fault, aiosmtplib.SMTPRecipientRefused):
        stage = "recipient"
    is_final = stage in ("recipient", "letter") and 500 <= fault.code < 600
    return Undelivered(stage, f"{fault.code} {fault.message}", is_final=is_final)
