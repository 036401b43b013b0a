"""Whether anybody has committed since one last looked.

On SQLite a look costs 2.5 µs, waits for no writer and sees every commit, of whatever process. On
PostgreSQL a thread listens, and is told within milliseconds; what nobody told, such as a restore,
or what a pooler on the way has swallowed, it sees soon after. While it cannot, nobody knows.
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
PING = "SELECT CAST(txid_current_snapshot() AS text)"  # another after each commit
KNOWN_FOR = 1.0  # seconds after a ping was answered
NEVER = float("-inf")
log = logging.getLogger("blog")


class CommitWatcher(Protocol):
    """Something that is another after each commit; None while that is not known."""

    are_told: bool  # by a message that takes its time; or seen at once

    def count(self) -> object | None: ...

    def close(self) -> None: ...


def watch(config: Config) -> CommitWatcher:
    """Begin to watch the database that the settings name."""
    return SqliteCommitWatcher(config) if config.is_sqlite else PostgresCommitWatcher(config)


class SqliteCommitWatcher:
    """Looks by itself, on a connection that does nothing else."""

    are_told = False

    def __init__(self, config: Config) -> None:
        self._path = config.sqlite_file
        self._open()

    def _open(self) -> None:
        self._line = sqlite.connect(self._path, isolation_level=None, check_same_thread=False)
        self._look = self._line.cursor()
        self._file = file_identity.file_at(self._path)

    def count(self) -> object | None:
        try:
            if file_identity.file_at(self._path) not in (None, self._file):
                log.warning("The database file %s was replaced: restart the blog", self._path)
                self.close()
                self._open()
            # To its end: a statement left standing would go on reading the moment it began in.
            ((number,),) = self._look.execute("PRAGMA data_version").fetchall()
        except sqlite.Error:  # a disk that fails: whoever reads the tables will say so
            return None
        return self._file, number

    def close(self) -> None:
        self._line.close()


class PostgresCommitWatcher:
    """Is told by whoever has changed something, and asks whether that is so."""

    are_told = True

    def __init__(self, config: Config) -> None:
        self._address = config.database_url
        self._heard = 0
        self._answered_at = NEVER
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="commits", daemon=True)
        self._thread.start()

    def count(self) -> int | None:
        return self._heard if time.monotonic() - self._answered_at < KNOWN_FOR else None

    def close(self) -> None:
        self._is_closed.set()
        self._thread.join(KNOWN_FOR)  # nobody waits for a database that does not answer

    def _listen(self) -> None:
        import psycopg  # here: who has no PostgreSQL need not load it

        while not self._is_closed.is_set():
            with contextlib.suppress(psycopg.Error):  # a line that broke is opened anew
                self._follow(psycopg.connect(self._address, autocommit=True, connect_timeout=5))
            self._answered_at = NEVER
            self._is_closed.wait(PING_EVERY)

    def _follow(self, line: Connection) -> None:
        with line:
            line.execute(f"LISTEN {CHANNEL}")
            seen = None  # what was told meanwhile, was told to nobody
            while not self._is_closed.is_set():
                before, seen = seen, line.execute(PING).fetchone()
                self._heard += seen != before
                self._answered_at = time.monotonic()
                for _ in line.notifies(timeout=PING_EVERY):
                    self._heard += 1
