"""What was committed, by whatever process, told to whoever keeps something of it.

Nobody drops by hand what has changed. The change table says what each commit touched; a process
follows it, and nothing that is kept is given out before everything committed has been followed.
"""

import asyncio
import time
from collections.abc import Callable

from blog.db import Database
from blog.db.commit_watcher import CommitWatcher
from blog.models.audit import invalidation
from blog.models.audit.invalidation import Invalidation
from blog.models.settings.site import SiteFacts

LOOK_EVERY = 0.001  # seconds; what is answered is at most this much older than the last commit
NEVER = float("-inf")


class Invalidator:
    """Follows the change table for one process."""

    def __init__(self, database: Database, commits: CommitWatcher) -> None:
        self.listeners: list[Callable[[frozenset[str] | None], None]] = []
        self._database, self._commits = database, commits
        self._news = Invalidation()
        self._count: object | None = None
        self._looked_at = self._began_at = NEVER
        self._turn = asyncio.Lock()

    @property
    def site(self) -> SiteFacts:
        """As of the last catching up."""
        return self._news.site

    def is_current(self, moment: float) -> bool:
        """Nothing was committed, up to a millisecond before `moment` (of `time.monotonic`)."""
        return moment - self._looked_at < LOOK_EVERY or self._look(moment)

    async def catch_up(self, *, by_asking: bool = False) -> None:
        """Return when everything that was committed before this call has been told.

        `by_asking` for who may have committed a moment ago, elsewhere: where commits are told by
        message, theirs may still be on its way.
        """
        asked_at = time.monotonic()
        may_trust = not (by_asking and self._commits.are_told)
        if may_trust and self._look(asked_at):
            return
        async with self._turn:  # another may follow for us meanwhile
            is_done = self._began_at >= asked_at or (may_trust and self._look(time.monotonic()))
            if not is_done:
                await self._follow()

    def _look(self, moment: float) -> bool:
        count = self._commits.count()
        is_current = count is not None and count == self._count and not self._news.is_over()
        self._looked_at = moment if is_current else NEVER
        return is_current

    async def _follow(self) -> None:
        began_at, count = time.monotonic(), self._commits.count()
        self._news = await self._database.read(invalidation.since, self._news)
        if self._news.tags != frozenset():
            for listener in self.listeners:
                listener(self._news.tags)
        self._began_at, self._count = began_at, count

    def close(self) -> None:
        self._commits.close()
