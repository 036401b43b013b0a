"""`blog mail-test`: one mail at once, and in words what came of it."""

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

# What to do, by the stage at which it went wrong.
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
    "letter": N_(
        "The server accepted the sender and the recipient but rejected the message. Its "
        "answer is above."
    ),
    "lost": N_("The connection was lost. Try again. If this keeps happening, ask the provider."),
}


def run(config: Config, address: str) -> int:
    """Exit code 0 if the server took the mail. Raises `Refusal` for what is no address."""
    server = config.mail_server
    if server is None:
        print(say(N_("No mail server is configured. Set BLOG_SMTP_URL and BLOG_MAIL_FROM.")))
        return 1
    user.check_email(address)
    startup.prepare(config)
    database = Database(config)
    try:
        about = database.read_now(site.facts)
        house = JobContext(config, database, startup.secret(config.data_dir))
        owed = PendingDelivery(0, "test", address, shell_language(), {}, now(), 1)
        return asyncio.run(_run(server, messages.host_of(config, about), house, about, owed))
    finally:
        database.close()


async def _run(
    server: MailServer, name: str, house: JobContext, about: SiteFacts, owed: PendingDelivery
) -> int:
    code = await _try(server, name, house, about, owed)
    await asyncio.sleep(0.05)  # the loop lets go of what was closed, before it ends
    return code


async def _try(
    server: MailServer, name: str, house: JobContext, about: SiteFacts, owed: PendingDelivery
) -> int:
    print(say(N_("Sending to %(address)s through %(server)s …"), address=owed.to, server=server))
    try:
        said = await _send(server, name, messages.write(house, about, owed))
    except Undelivered as fault:
        print(say(N_("The message was not sent: %(said)s"), said=" ".join(fault.said.split())))
        print(say(ADVICE[fault.stage]))
        return 1
    print(say(N_("The server accepted the message: %(said)s"), said=" ".join(said.split())))
    print(say(N_("If it does not arrive, check the spam folder.")))
    _warn(messages.address_of(house.config, about))
    return 0


async def _send(server: MailServer, name: str, ready: OutgoingMessage) -> str:
    async with smtp_connection(server, name) as line:
        return await line.send(ready)


def _warn(address: str) -> None:
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
