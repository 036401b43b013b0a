"""What makes the chores run: one clock in all processes, kept up where its holder is killed."""

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
LOOK = 1.0  # seconds between two looks of whoever holds the lease
STAND_BY = 5.0  # seconds between two looks of the others: an idle worker should cost nothing
RENEW = timedelta(seconds=20)  # left on the lease when it is renewed
GRACE = 2.0  # seconds that a stop leaves to what a chore has begun
AFTER_FAULT = 15.0  # seconds at least until a chore that failed is called again


@dataclass(frozen=True)
class JobContext:
    """What a chore works with."""

    config: Config
    database: Database
    secret: bytes  # the installation's own


@dataclass(frozen=True)
class Task:
    """Something to look after. It reconciles rows: whatever is due is found in the database, so
    that a chore cut short anywhere is gone on with by the next holder of the clock.

    `run` is called at once by a new holder, then `every` so many seconds after it has ended; never
    twice at a time. What it raises is logged, and it is called again.
    """

    name: str
    every: float
    run: Callable[[JobContext], Awaitable[None]]


@dataclass
class Scheduler:
    """One contender for the lease; while it holds it, it runs the chores beside one another."""

    house: JobContext
    chores: Sequence[Task]
    holder: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(8)}")

    def __post_init__(self) -> None:
        self._until: datetime | None = None  # the end of our lease; None while another holds it
        self._is_cut_off = False  # told once, not each second
        self._has_asked = False  # an answer that a stop cuts short may have been yes
        self._running: dict[str, asyncio.Task[None]] = {}
        self._next: dict[str, float] = {}
        self._loop: asyncio.Task[None] | None = None

    @property
    def is_held(self) -> bool:
        return self._until is not None and self._until > now()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop().create_task(self._tick(), name="clock")

    async def stop(self) -> None:
        """Begin nothing more, leave what was begun a moment, and give the lease back."""
        if self._loop:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self._let_go(GRACE)
        if self._until or self._has_asked:
            with suppress(Exception):  # then it runs out by itself
                await asyncio.wait_for(self._ask(lease.leave), GRACE)
        self._until = None

    async def _tick(self) -> None:
        while True:
            await self._hold()
            if self.is_held:
                self._begin_what_is_due()
            elif self._running:
                log.warning(
                    "Another process took over the scheduler; unfinished tasks are left to it."
                )
                # A server's yes may lie there unread since this process was frozen.
                await self._let_go(GRACE)
            await asyncio.sleep(LOOK if self.is_held else STAND_BY)

    async def _hold(self) -> None:
        """Take the lease if it is free, renew it while it is ours."""
        try:
            end = await self.house.database.read(lease.held_until, lease.CLOCK, self.holder)
            if end is not None and end < now() + RENEW:
                self._has_asked = True
                end = await self._ask(lease.take)
                self._has_asked = False
        except Exception as fault:  # ours still runs, to the end of its span
            if not self._is_cut_off:
                log.warning("The scheduler cannot reach the database: %s", fault)
            self._is_cut_off = True
            return
        self._is_cut_off = False
        if end and not self._until:
            log.info("Worker [%s] runs the scheduled tasks.", os.getpid())
            self._next.clear()
        self._until = end

    async def _ask(self, verb: Callable[..., datetime | None]) -> datetime | None:
        return await self.house.database.transact(verb, lease.CLOCK, self.holder)

    def _begin_what_is_due(self) -> None:
        moment = time.monotonic()
        for chore in self.chores:
            if chore.name not in self._running and moment >= self._next.get(chore.name, 0):
                task = asyncio.get_running_loop().create_task(self._do(chore), name=chore.name)
                self._running[chore.name] = task

    async def _do(self, chore: Task) -> None:
        pause = chore.every
        try:
            await chore.run(self.house)
        except Exception:
            log.exception("The task “%s” failed and will be retried.", chore.name)
            pause = max(pause, AFTER_FAULT)
        finally:
            self._next[chore.name] = time.monotonic() + pause
            self._running.pop(chore.name, None)

    async def _let_go(self, patience: float) -> None:
        tasks = list(self._running.values())
        if tasks and patience:
            await asyncio.wait(tasks, timeout=patience)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
