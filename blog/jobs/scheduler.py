"""The scheduler of background tasks: a lease in the database lets one process at a time run them.

If the process that holds the lease is killed, another one takes over when the lease ends.
"""

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from blog.config import Config
from blog.db import Database
from blog.models.base import now
from blog.models.jobs import lease

log = logging.getLogger("blog")
LOOK = 1.0  # seconds between two checks by the holder of the lease
STAND_BY = 5.0  # seconds between two checks by other processes; longer, to keep idle workers cheap
RENEW = timedelta(seconds=20)  # time left on the lease when it is renewed
GRACE = 2.0  # seconds for running tasks to finish when the scheduler stops
AFTER_FAULT = 15.0  # shortest pause in seconds after a task has failed


@dataclass(frozen=True)
class JobContext:
    """What a task works with."""

    config: Config
    database: Database
    secret: bytes  # of this installation


@dataclass(frozen=True)
class Task:
    """A background task that runs again and again.

    It finds its work in the database, so that the next holder of the lease continues a task that
    was interrupted. `run` is called when a process gets the lease, and then `every` seconds after
    its last run ended; two runs never overlap. An exception is logged and the task runs again.
    """

    name: str
    every: float
    run: Callable[[JobContext], Awaitable[None]]


@dataclass
class Scheduler:
    """Competes for the lease, and runs the tasks concurrently while it holds the lease."""

    context: JobContext
    tasks: Sequence[Task]
    holder: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(8)}")

    def __post_init__(self) -> None:
        self._until: datetime | None = None  # end of our lease; None if we do not hold it
        self._is_cut_off = False  # the database cannot be reached; logged only once
        self._has_asked = False  # a request for the lease is unanswered; it may have been granted
        self._running: dict[str, asyncio.Task[None]] = {}
        self._next: dict[str, float] = {}  # monotonic time of the next run of a task
        self._loop: asyncio.Task[None] | None = None

    @property
    def is_held(self) -> bool:
        """True while this scheduler holds the lease."""
        return self._until is not None and self._until > now()

    def start(self) -> None:
        """Start the scheduler in the running event loop."""
        self._loop = asyncio.get_running_loop().create_task(self._run(), name="scheduler")

    async def stop(self) -> None:
        """Start no more tasks, give running ones `GRACE` seconds, and release the lease."""
        if self._loop:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self._end_tasks(GRACE)
        if self._until or self._has_asked:
            with suppress(Exception):  # the lease ends by itself
                await asyncio.wait_for(self._change_lease(lease.release), GRACE)
        self._until = None

    async def _run(self) -> None:
        while True:
            await self._update_lease()
            if self.is_held:
                self._start_due_tasks()
            elif self._running:
                log.warning(
                    "Another process took over the scheduler; unfinished tasks are left to it."
                )
                # If this process was frozen, a reply may be waiting, such as an accepted email.
                await self._end_tasks(GRACE)
            await asyncio.sleep(LOOK if self.is_held else STAND_BY)

    async def _update_lease(self) -> None:
        """Take the lease if it is free, and renew it while this scheduler holds it."""
        try:
            end = await self.context.database.read(lease.held_until, lease.SCHEDULER, self.holder)
            if end is not None and end < now() + RENEW:
                self._has_asked = True
                end = await self._change_lease(lease.take)
                self._has_asked = False
        except Exception as error:  # a lease that we hold stays valid until its end
            if not self._is_cut_off:
                log.warning("The scheduler cannot reach the database: %s", error)
            self._is_cut_off = True
            return
        self._is_cut_off = False
        if end and not self._until:
            log.info("Worker [%s] runs the scheduled tasks.", os.getpid())
            self._next.clear()
        self._until = end

    async def _change_lease(self, change: Callable[..., datetime | None]) -> datetime | None:
        return await self.context.database.transact(change, lease.SCHEDULER, self.holder)

    def _start_due_tasks(self) -> None:
        moment = time.monotonic()
        for task in self.tasks:
            if task.name not in self._running and moment >= self._next.get(task.name, 0):
                running = asyncio.get_running_loop().create_task(self._do(task), name=task.name)
                self._running[task.name] = running

    async def _do(self, task: Task) -> None:
        pause = task.every
        try:
            await task.run(self.context)
        except Exception:
            log.exception("The task “%s” failed and will be retried.", task.name)
            pause = max(pause, AFTER_FAULT)
        finally:
            self._next[task.name] = time.monotonic() + pause
            self._running.pop(task.name, None)

    async def _end_tasks(self, grace: float) -> None:
        """Wait up to `grace` seconds for running tasks, then cancel them."""
        running = list(self._running.values())
        if running and grace:
            await asyncio.wait(running, timeout=grace)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
