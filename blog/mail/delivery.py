"""Sends queued email in the background, and retries it until it is accepted or given up."""

import logging

from blog.jobs.scheduler import JobContext
from blog.mail import message
from blog.mail.smtp_client import SmtpConnection, Undelivered, smtp_connection
from blog.models.jobs import outbox
from blog.models.jobs.outbox import PendingDelivery
from blog.models.settings import site
from blog.models.settings.site import SiteFacts

log = logging.getLogger("blog")
MAX_PER_CONNECTION = 50  # messages


async def deliver(context: JobContext) -> None:
    """Send the email that is due, one message at a time (a scheduled task).

    If the process is killed after the server accepted a message and before that was recorded, this
    one message is sent again, under the same Message-ID.
    """
    server = context.config.mail_server
    if server is None or not await context.database.read(outbox.has_due):
        return
    facts = await context.database.read(site.facts)
    if delivery := await _claim(context):
        try:
            async with smtp_connection(server, message.host_of(context.config, facts)) as smtp:
                await _deliver_all(context, facts, smtp, delivery)
        except Undelivered as error:
            await _record_failure(context, delivery, error)


async def _claim(context: JobContext) -> PendingDelivery | None:
    return await context.database.transact(outbox.claim, context.secret)


async def _deliver_all(
    context: JobContext, facts: SiteFacts, smtp: SmtpConnection, first: PendingDelivery
) -> None:
    """Send up to `MAX_PER_CONNECTION` messages, starting with one that has been claimed."""
    delivery: PendingDelivery | None = first
    for left in reversed(range(MAX_PER_CONNECTION)):
        if delivery is None or not await _deliver(context, facts, smtp, delivery):
            return
        delivery = await _claim(context) if left else None


async def _deliver(
    context: JobContext, facts: SiteFacts, smtp: SmtpConnection, delivery: PendingDelivery
) -> bool:
    """Send one message; False if the server is at fault, so that the next would fail too."""
    try:
        await smtp.send(message.write(context, facts, delivery))
    except Undelivered as error:
        await _record_failure(context, delivery, error)
        return not error.is_server_fault
    await context.database.transact(outbox.mark_delivered, delivery)
    return True


async def _record_failure(
    context: JobContext, delivery: PendingDelivery, error: Undelivered
) -> None:
    """Record a failed try; if the server is at fault, postpone the other messages as well."""
    is_over = await context.database.transact(
        outbox.mark_failed, delivery, error.reason, for_good=error.is_final
    )
    outcome = "was given up" if is_over else "will be retried later"
    reason = outbox.one_line(error.reason)
    log.warning("Email %s (%s) %s: %s", delivery.id, delivery.kind, outcome, reason)
    if error.is_server_fault:
        await context.database.transact(outbox.postpone_due, error.reason)
