"""The list of scheduled background tasks, and `blog tick`, which runs them without a server."""

import asyncio
import logging
import signal
from collections.abc import Callable

from blog.backup import schedule
from blog.config import N_, Config
from blog.db import Database
from blog.jobs.scheduler import JobContext, Scheduler, Task
from blog.mail import delivery
from blog.models.comments import moderation, spam
from blog.models.jobs import retention
from blog.models.posts import announcement
from blog.models.search import search
from blog.server import startup

log = logging.getLogger("blog")
PAUSE = 0.05  # seconds between two transactions of a long task, so that others can write too


async def announce(context: JobContext) -> None:
    """Record and log the scheduled posts that have gone live."""
    if await context.database.read(announcement.has_unannounced):
        for post in await context.database.transact(announcement.announce):
            log.info("“%s” was published at %s as scheduled.", post.title, post.live_since)


async def back_up(context: JobContext) -> None:
    """Make a backup if one is due."""
    await schedule.back_up_if_due(context.config, context.database)


async def index(context: JobContext) -> None:
    """Update the search index of changed posts, such as those of a renamed tag."""
    while await context.database.read(search.is_stale):
        if not await context.database.transact(search.rebuild):
            break
        await asyncio.sleep(PAUSE)


async def sweep(context: JobContext) -> None:
    """Delete old rows from every table that would otherwise grow without limit."""
    database = context.database
    await database.transact(retention.give_up_stale)
    await database.transact(spam.delete_expired)
    for table in retention.EXPIRED:
        await _transact_until_done(database, retention.delete_expired, table)
    await _transact_until_done(database, retention.forget_addresses)
    await _transact_until_done(database, moderation.delete_old_spam)


async def _transact_until_done(
    database: Database, work: Callable[..., object], *args: object
) -> None:
    """Repeat a transaction until it reports (by a false result) that nothing is left to do."""
    is_more = True
    while is_more:
        is_more = bool(await database.transact(work, *args))
        await asyncio.sleep(PAUSE)


TASKS: tuple[Task, ...] = (
    Task("deliver", 2, delivery.deliver),
    Task("announce", 15, announce),
    Task("index", 60, index),
    Task("sweep", 3600, sweep),
    Task("back up", schedule.CHECK_INTERVAL, back_up),
)


# --- blog tick ---


def run(config: Config) -> None:
    """Run the scheduler until a stop signal (`blog tick`). Safe beside running workers."""
    logging.basicConfig(format="%(asctime)s %(message)s")
    log.setLevel(logging.INFO)
    startup.prepare(config)
    database = Database(config, "blog tick")
    try:
        asyncio.run(_run(JobContext(config, database, startup.secret(config))))
    finally:
        database.close()


async def _run(context: JobContext) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    scheduler = Scheduler(context, TASKS)
    scheduler.start()
    log.info(startup.say(N_("The scheduled tasks are running. Press Ctrl-C to stop.")))
    await stop.wait()
    await scheduler.stop()
