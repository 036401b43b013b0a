"""The command `blog mail-test`: sends a test email and explains what went wrong if it fails."""

import asyncio
from urllib.parse import urlsplit

from blog.config import N_, Config, shell_language
from blog.db import Database
from blog.jobs.scheduler import JobContext
from blog.loopback import is_local_name
from blog.mail import message as messages
from blog.mail.settings import MailServer
from blog.mail.smtp_client import OutgoingMessage, Undelivered, smtp_connection
from blog.models.base import now
from blog.models.jobs.outbox import PendingDelivery
from blog.models.settings import site
from blog.models.settings.site import SiteFacts
from blog.models.users import user
from blog.server import startup
from blog.server.startup import say

# `Undelivered.stage` -> what to do about it.
ADVICE = {
    "connect": N_(
        "The mail server did not answer. Check the host and the port. Most providers accept "
        "mail on port 587, or on port 465 with smtps://. Many servers cannot connect to port "
        "25."
    ),
    "tls": N_(
        "No secure connection could be established. Use smtps:// with port 465 and smtp:// "
        "with port 587. The host must be the name in the server's certificate."
    ),
    "login": N_(
        "The user name or the password was not accepted. Many providers require an app "
        "password, and the full email address as the user name. Write @ in it as %40."
    ),
    "sender": N_(
        "The server does not allow this account to send as BLOG_MAIL_FROM. Use the account's "
        "own address."
    ),
    "recipient": N_(
        "The server does not accept mail for this address. Check its spelling. If it is "
        "correct, the server may require a user name and a password in BLOG_SMTP_URL."
    ),
    "message": N_(
        "The server accepted the sender and the recipient but rejected the message. Its "
        "answer is above."
    ),
    "lost": N_("The connection was lost. Try again. If this keeps happening, ask the provider."),
}


def run(config: Config, address: str) -> int:
    """Send a test email. Returns the exit code: 0 if the server accepted it, otherwise 1.

    Raises `Refusal` if `address` is not an email address.
    """
    server = config.mail_server
    if server is None:
        print(say(N_("No mail server is configured. Set BLOG_SMTP_URL and BLOG_MAIL_FROM.")))
        return 1
    user.check_email(address)
    startup.prepare(config)
    database = Database(config)
    try:
        facts = database.read_now(site.facts)
        context = JobContext(config, database, startup.secret(config))
        delivery = PendingDelivery(0, "test", address, shell_language(), {}, now(), 1)
        return asyncio.run(_run(server, context, facts, delivery))
    finally:
        database.close()


async def _run(
    server: MailServer, context: JobContext, facts: SiteFacts, delivery: PendingDelivery
) -> int:
    exit_code = await _send_and_report(server, context, facts, delivery)
    await asyncio.sleep(0.05)  # lets the event loop finish closing the connection
    return exit_code


async def _send_and_report(
    server: MailServer, context: JobContext, facts: SiteFacts, delivery: PendingDelivery
) -> int:
    to = delivery.to
    print(say(N_("Sending to %(address)s through %(server)s …"), address=to, server=server))
    host = messages.host_of(context.config, facts)
    try:
        reply = await _send(server, host, messages.write(context, facts, delivery))
    except Undelivered as error:
        reason = " ".join(error.reason.split())
        print(say(N_("The message was not sent: %(said)s"), said=reason))
        print(say(ADVICE[error.stage]))
        return 1
    print(say(N_("The server accepted the message: %(said)s"), said=" ".join(reply.split())))
    print(say(N_("If it does not arrive, check the spam folder.")))
    _warn_if_local(messages.address_of(context.config, facts))
    return 0


async def _send(server: MailServer, host: str, message: OutgoingMessage) -> str:
    async with smtp_connection(server, host) as smtp:
        return await smtp.send(message)


def _warn_if_local(address: str) -> None:
    """Warn that the links in emails lead to this machine."""
    if is_local_name(urlsplit(address).hostname or ""):
        message = N_("Links in emails lead to %(address)s, which only this machine can open.")
        print(say(message, address=address))
        print(
            say(
                N_(
                    "Set BLOG_SITE_URL, or the public address in the admin area, to the address "
                    "that readers use."
                )
            )
        )
