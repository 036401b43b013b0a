"""Writes imported posts to the database, several of them in one transaction.

Every commit makes each worker rebuild its cached lists of posts and forces a write to the disk.
One commit per post would slow down readers 700 times, where a few dozen commits are enough.
"""

import asyncio
import time

from blog.db import Database
from blog.models.base import Refusal
from blog.models.transfer import import_posts
from blog.models.transfer.import_posts import ImportedPost

GATHER_SECONDS = 0.05  # how long the first post of a batch waits for others
MIN_INTERVAL = 0.5  # seconds between two commits
NEVER = float("-inf")


class BatchWriter:
    """Collects posts and commits them together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[ImportedPost] = []
        self._next: asyncio.Task[list[Refusal | None]] | None = None
        self._committed_at = NEVER

    async def write(self, post: ImportedPost) -> None:
        """Return when the post has been committed. Raises `Refusal` if this post was refused."""
        if self._next is None:
            self._next = asyncio.create_task(self._commit())
            self._next.add_done_callback(_mark_as_handled)
        index = len(self._waiting)
        self._waiting.append(post)
        # Shielded, so that a cancelled caller does not cancel the posts of the others.
        refusals = await asyncio.shield(self._next)
        if reason := refusals[index]:
            raise reason

    async def _commit(self) -> list[Refusal | None]:
        pause = self._committed_at + MIN_INTERVAL - time.monotonic()
        await asyncio.sleep(max(GATHER_SECONDS, pause))
        posts, self._waiting, self._next = self._waiting, [], None
        try:
            return await self._database.transact(import_posts.import_post, posts)
        finally:
            self._committed_at = time.monotonic()


def _mark_as_handled(commit: asyncio.Task[list[Refusal | None]]) -> None:
    """Read the exception of a failed commit: callers that were cancelled no longer wait for it.

    Otherwise asyncio logs "Task exception was never retrieved" beside the import's own message.
    """
    if not commit.cancelled():
        commit.exception()
