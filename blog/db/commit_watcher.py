"""Detects whether any process has committed to the database since the last check.

On SQLite a check costs 2.5 µs, does not wait for the writer, and sees every commit of every
process. On PostgreSQL a thread listens for notifications, which arrive within milliseconds. Commits
without a notification (a restored backup, a notification lost by a connection pooler) are detected
by polling shortly after. While the connection is down the state is unknown and reported as None.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

from pysqlite3 import dbapi2 as sqlite

from blog.config import Config
from blog.db import file_identity
from blog.models.audit.change_log import CHANNEL

if TYPE_CHECKING:
    from psycopg import Connection

PING_EVERY = 0.3  # seconds
PING = "SELECT CAST(txid_current_snapshot() AS text)"  # its result differs after each commit
KNOWN_FOR = 1.0  # seconds that the count is valid after an answered ping
NEVER = float("-inf")
log = logging.getLogger("blog")


class CommitWatcher(Protocol):
    """Gives a value that changes with each commit, or None while that is unknown."""

    are_told: bool  # True if commits are notified with a delay, False if they are seen at once

    def count(self) -> object | None:
        """Return a value that is different after each commit; None while unknown."""

    def close(self) -> None:
        """Stop watching."""


def watch(config: Config) -> CommitWatcher:
    """Start to watch the configured database."""
    return SqliteCommitWatcher(config) if config.is_sqlite else PostgresCommitWatcher(config)


class SqliteCommitWatcher:
    """Reads SQLite's data version, on a connection that is used for nothing else."""

    are_told = False

    def __init__(self, config: Config) -> None:
        self._path = config.sqlite_file
        self._open()

    def _open(self) -> None:
        self._connection = sqlite.connect(self._path, isolation_level=None, check_same_thread=False)
        self._cursor = self._connection.cursor()
        self._file = file_identity.file_at(self._path)

    def count(self) -> object | None:
        """Return the file's identity and its data version; None if the file cannot be read."""
        try:
            if file_identity.file_at(self._path) not in (None, self._file):
                log.warning("The database file %s was replaced: restart the blog", self._path)
                self.close()
                self._open()
            # Fetch all rows: an unfinished statement would keep reading its old snapshot.
            ((version,),) = self._cursor.execute("PRAGMA data_version").fetchall()
        except sqlite.Error:  # such as a disk error; reading the tables reports it
            return None
        return self._file, version

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class PostgresCommitWatcher:
    """Counts notifications of commits in a thread, and polls for commits without one."""

    are_told = True

    def __init__(self, config: Config) -> None:
        self._address = config.database_url
        self._commits = 0
        self._answered_at = NEVER
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commits", daemon=True)
        self._thread.start()

    def count(self) -> int | None:
        """Return the commits counted so far; None if the server has not answered lately."""
        return self._commits if time.monotonic() - self._answered_at < KNOWN_FOR else None

    def close(self) -> None:
        """Stop the thread, without waiting for a database that does not answer."""
        self._is_closed.set()
        self._thread.join(KNOWN_FOR)

    def _run(self) -> None:
        import psycopg  # imported here: not needed with SQLite

        while not self._is_closed.is_set():
            with contextlib.suppress(psycopg.Error):  # reconnect after a lost connection
                self._listen(psycopg.connect(self._address, autocommit=True, connect_timeout=5))
            self._answered_at = NEVER
            self._is_closed.wait(PING_EVERY)

    def _listen(self, connection: Connection) -> None:
        with connection:
            connection.execute(f"LISTEN {CHANNEL}")
            snapshot = None  # counts as a change: notifications before LISTEN were missed
            while not self._is_closed.is_set():
                previous, snapshot = snapshot, connection.execute(PING).fetchone()
                if snapshot != previous:
                    self._commits += 1
                self._answered_at = time.monotonic()
                for _ in connection.notifies(timeout=PING_EVERY):
                    self._commits += 1
