"""The database engine: reader and writer threads, each transaction in one hop to a thread.

A transaction is a plain function with a session, run whole in a thread. The loop waits for its
end and never in its middle, so a visitor who hangs up cannot leave half of one behind.
"""

import asyncio
import contextlib
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from pysqlite3 import dbapi2
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from blog.config import N_, Config, UserError
from blog.db import sqlite
from blog.models.audit import change_log
from blog.models.audit.action import name_of

# Older ones can corrupt a WAL that two processes write (fixed in 3.51.3).
OLDEST_SQLITE = (3, 51, 3)
READERS = 2

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[Session, P], T]


class UnusableDatabase(UserError):
    """A database that must not be used."""


class Database:
    """Two pools of one process: readers who wait for nobody, and one writer."""

    def __init__(self, config: Config) -> None:
        self.reading = make_engine(config, writes=False)
        self.writing = make_engine(config, writes=True)
        self._reader = sessionmaker(self.reading, expire_on_commit=False, autoflush=False)
        self._writer = sessionmaker(self.writing, expire_on_commit=False)
        change_log.watch(self._writer, self.writing)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._writers = ThreadPoolExecutor(1, thread_name_prefix="writer")

    async def read(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(session, …)` in a reader's thread, on one snapshot."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._readers, lambda: self.read_now(work, *args, **kwargs)
        )

    async def transact(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run `work(session, …)` in the writer's thread; see `transact_now`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._writers, lambda: self.transact_now(work, *args, **kwargs)
        )

    def read_now(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """On one snapshot. It ends by a commit: at a rollback psycopg forgets what it prepared."""
        with self._reader() as session, session.begin():
            return work(session, *args, **kwargs)

    def transact_now(
        self, work: Callable[..., T], *args: Any, by: Any = None, ip: str = "", **kwargs: Any
    ) -> T:
        """One transaction: committed when `work` returns, rolled back when it raises.

        `by` and `ip` go to the change table; `work` is given `by` if it asks for it.
        """
        if "by" in inspect.signature(work).parameters:
            kwargs["by"] = by
        with self._writer() as session, session.begin():
            session.info.update(by=by, ip=ip, action=name_of(work))
            return work(session, *args, **kwargs)

    def close(self) -> None:
        self._readers.shutdown()
        self._writers.shutdown()
        self.reading.dispose()
        self.writing.dispose()


def make_engine(config: Config, *, writes: bool) -> Engine:
    """A pool of `READERS` connections that only read, or of one that writes."""
    size: dict[str, Any] = {"pool_size": 1 if writes else READERS, "max_overflow": 0}
    if not config.is_sqlite:
        isolation = "READ COMMITTED" if writes else "REPEATABLE READ"
        options = {"isolation_level": isolation, "postgresql_readonly": not writes}
        engine = create_engine(config.database, pool_pre_ping=True, **size)
        return engine.execution_options(**options)
    refuse_old_sqlite()
    return sqlite.engine(config, writes=writes, **size)


def refuse_old_sqlite() -> None:
    if dbapi2.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise UnusableDatabase(
            N_(
                "SQLite %(here)s has a bug that can damage the database. Install version "
                "%(wanted)s or later."
            ),
            here=dbapi2.sqlite_version,
            wanted=wanted,
        )


def copy_sqlite(config: Config, target: Path) -> None:
    """The database as it is at one moment, in a file of its own, while others go on writing."""
    refuse_old_sqlite()
    with contextlib.closing(dbapi2.connect(config.sqlite_file, isolation_level=None)) as line:
        try:
            line.execute("PRAGMA busy_timeout=60000")
            line.execute("VACUUM INTO ?", (str(target),))
        except dbapi2.Error as fault:
            raise UnusableDatabase(
                N_("The database could not be copied: %(why)s."), why=fault
            ) from fault


def refuse_damaged(file: Path) -> None:
    """Read every page of an SQLite database, and raise `Unusable` if one does not fit."""
    with contextlib.closing(dbapi2.connect(file)) as line:
        try:
            said = line.execute("PRAGMA integrity_check(1)").fetchone()[0].splitlines()[-1]
        except dbapi2.DatabaseError as fault:
            said = str(fault)
    if said != "ok":
        raise UnusableDatabase(
            N_("The database %(place)s is damaged: %(why)s"), place=file, why=said
        )
