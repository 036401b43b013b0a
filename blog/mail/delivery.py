"""Mail that is owed: sent off the request, one by one, tried again until it is taken."""

import logging

from blog.jobs.scheduler import JobContext
from blog.mail import message
from blog.mail.smtp_client import SmtpConnection, Undelivered, smtp_connection
from blog.models.jobs import outbox
from blog.models.jobs.outbox import PendingDelivery
from blog.models.settings import site
from blog.models.settings.site import SiteFacts

log = logging.getLogger("blog")
ROUND = 50  # letters on one connection


async def deliver(house: JobContext) -> None:
    """The chore: everything that is due, one by one. Killed between the server's yes and our mark,
    that one letter goes out twice, under the same Message-ID; no other does."""
    server = house.config.mail_server
    if server is None or not await house.database.read(outbox.has_due):
        return
    about = await house.database.read(site.facts)
    if owed := await _claim(house):
        try:
            async with smtp_connection(server, message.host_of(house.config, about)) as line:
                await _deliver_round(house, about, line, owed)
        except Undelivered as fault:
            await _note(house, owed, fault)


async def _claim(house: JobContext) -> PendingDelivery | None:
    return await house.database.transact(outbox.claim, house.secret)


async def _deliver_round(
    house: JobContext, about: SiteFacts, line: SmtpConnection, first: PendingDelivery
) -> None:
    owed: PendingDelivery | None = first
    for left in reversed(range(ROUND)):
        if owed is None or not await _deliver(house, about, line, owed):
            return
        owed = await _claim(house) if left else None


async def _deliver(
    house: JobContext, about: SiteFacts, line: SmtpConnection, owed: PendingDelivery
) -> bool:
    """Whether the next letter may fare better."""
    try:
        await line.send(message.write(house, about, owed))
    except Undelivered as fault:
        await _note(house, owed, fault)
        return not fault.is_servers
    await house.database.transact(outbox.delivered, owed)
    return True


async def _note(house: JobContext, owed: PendingDelivery, fault: Undelivered) -> None:
    """One try less for this one. Where the server is at fault the others wait, too."""
    is_over = await house.database.transact(
        outbox.failed, owed, fault.said, for_good=fault.is_final
    )
    what = "was given up" if is_over else "will be retried later"
    log.warning("Email %s (%s) %s: %s", owed.id, owed.kind, what, outbox.in_short(fault.said))
    if fault.is_servers:
        await house.database.transact(outbox.put_off, fault.said)
