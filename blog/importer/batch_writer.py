"""Posts that arrive at about the same time, written in one transaction.

Each commit makes every list that readers are shown anew, in each worker, and costs the disk a
moment of its own: 700 of them would keep readers waiting for what a few dozen do as well.
"""

import asyncio
import time

from blog.db import Database
from blog.models.base import Refusal
from blog.models.transfer import import_posts
from blog.models.transfer.import_posts import ImportedPost

AT_ONCE = 0.05  # seconds that the first of a few waits for the others
EVERY = 0.5  # seconds from one commit to the next, at least
NEVER = float("-inf")


class BatchWriter:
    """Where posts wait for the next commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[ImportedPost] = []
        self._next: asyncio.Task[list[Refusal | None]] | None = None
        self._committed_at = NEVER

    async def bring(self, arrival: ImportedPost) -> None:
        """Return when it is written. Raises `Refusal`, for this one alone."""
        if self._next is None:
            self._next = asyncio.create_task(self._commit())
        number = len(self._waiting)
        self._waiting.append(arrival)
        refused = await asyncio.shield(self._next)  # whoever leaves does not take others along
        if reason := refused[number]:
            raise reason

    async def _commit(self) -> list[Refusal | None]:
        pause = self._committed_at + EVERY - time.monotonic()
        await asyncio.sleep(max(AT_ONCE, pause))
        arrivals, self._waiting, self._next = self._waiting, [], None
        try:
            return await self._database.transact(import_posts.import_post, arrivals)
        finally:
            self._committed_at = time.monotonic()
