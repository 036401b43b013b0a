"""The clock's work: whatever nobody presses a button for."""

import asyncio
import logging
import signal
from typing import Any

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


async def announce(house: JobContext) -> None:
    """Posts that went live by themselves. Noting it is all there is to it, so far."""
    if await house.database.read(announcement.has_news):
        for post in await house.database.transact(announcement.announce):
            log.info("“%s” was published at %s as scheduled.", post.title, post.live_since)


async def back_up(house: JobContext) -> None:
    await schedule.look_after(house.config, house.database)


async def index(house: JobContext) -> None:
    """What search has yet to read anew, such as the posts of a tag that has another name now."""
    while await house.database.read(search.is_stale):
        if not await house.database.transact(search.rebuild):
            break
        await asyncio.sleep(0.05)


async def sweep(house: JobContext) -> None:
    """What is old, in every table that would grow for ever."""
    await house.database.transact(retention.give_up_stale)
    await house.database.transact(spam.sweep)
    old: list[tuple[Any, ...]] = [(retention.sweep, table) for table in retention.OLD]
    for piece in [*old, (retention.forget_addresses,), (moderation.sweep_spam,)]:
        is_more = True
        while is_more:
            is_more = bool(await house.database.transact(*piece))
            await asyncio.sleep(0.05)  # others want to write, too


TASKS: tuple[Task, ...] = (
    Task("deliver", 2, delivery.deliver),
    Task("announce", 15, announce),
    Task("index", 60, index),
    Task("sweep", 3600, sweep),
    Task("back up", schedule.LOOK, back_up),
)


# --- blog tick ---


def run(config: Config) -> None:
    """One more contender for the clock, until it is stopped; safe beside running workers."""
    logging.basicConfig(format="%(asctime)s %(message)s")
    log.setLevel(logging.INFO)
    startup.prepare(config)
    database = Database(config)
    try:
        asyncio.run(_run(JobContext(config, database, startup.secret(config.data_dir))))
    finally:
        database.close()


async def _run(house: JobContext) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock = Scheduler(house, TASKS)
    clock.start()
    log.info(startup.say(N_("The scheduled tasks are running. Press Ctrl-C to stop.")))
    await stop.wait()
    await clock.stop()
