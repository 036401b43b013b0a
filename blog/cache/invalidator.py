"""Cache invalidation: follows the change table and reports what every commit has changed.

Views never invalidate a page explicitly. The change table records what each commit touched, in
whatever process. Each process reads it before it serves a cached page, and drops what has changed.
"""

import asyncio
import time
from collections.abc import Callable

from blog.db import Database
from blog.db.commit_watcher import CommitWatcher
from blog.models.audit import invalidation
from blog.models.audit.invalidation import Invalidation
from blog.models.settings.site import SiteFacts

CHECK_EVERY = 0.001  # seconds; a cached page is at most this much older than the last commit
NEVER = float("-inf")


class Invalidator:
    """Follows the change table for one process.

    Each listener is called with the tags of what has changed, or None for everything.
    """

    def __init__(self, database: Database, commits: CommitWatcher) -> None:
        self.listeners: list[Callable[[frozenset[str] | None], None]] = []
        self._database, self._commits = database, commits
        self._state = Invalidation()  # as of the last reading of the change table
        self._commit_count: object | None = None
        self._checked_at = self._read_at = NEVER
        self._lock = asyncio.Lock()

    @property
    def site(self) -> SiteFacts:
        """The site's settings as of the last `catch_up`."""
        return self._state.site

    def is_current(self, moment: float) -> bool:
        """Return whether every commit has been followed, up to a millisecond before `moment`.

        `moment` is a time of `time.monotonic`.
        """
        return moment - self._checked_at < CHECK_EVERY or self._check(moment)

    async def catch_up(self, *, by_asking: bool = False) -> None:
        """Return when every commit before this call has been reported to the listeners.

        With `by_asking` the database is queried even if no commit is known of. A client that may
        just have written something through another process needs this on PostgreSQL, where the
        notification of that commit may still be on its way.
        """
        called_at = time.monotonic()
        may_trust_count = not (by_asking and self._commits.are_told)
        if may_trust_count and self._check(called_at):
            return
        async with self._lock:  # another call may catch up in the meantime
            is_done = self._read_at >= called_at
            if not is_done and may_trust_count:
                is_done = self._check(time.monotonic())
            if not is_done:
                await self._follow()

    def _check(self, moment: float) -> bool:
        """Return whether nothing was committed, and no moment has come, since the last reading."""
        count = self._commits.count()
        is_current = count is not None and count == self._commit_count and not self._state.is_over()
        self._checked_at = moment if is_current else NEVER
        return is_current

    async def _follow(self) -> None:
        """Read the change table, and call the listeners if anything has changed."""
        read_at, count = time.monotonic(), self._commits.count()
        self._state = await self._database.read(invalidation.since, self._state)
        if self._state.tags != frozenset():
            for listener in self.listeners:
                listener(self._state.tags)
        self._read_at, self._commit_count = read_at, count

    def close(self) -> None:
        """Stop watching for commits."""
        self._commits.close()
