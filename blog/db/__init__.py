"""The database engine: connection pools, reader and writer threads, transactions, SQLite copies.

A transaction is a plain function whose first argument is a session. It runs from start to end in
one thread, and the event loop only awaits its end. A client that disconnects therefore cannot
leave half of a transaction behind.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pysqlite3 import dbapi2
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from blog.config import N_, Config, UserError
from blog.db import sqlite
from blog.models.audit import change_log
from blog.models.audit.action import name_of
from blog.models.audit.session import Actor, AuditedSession
from blog.models.users import signin

# Older versions can corrupt a WAL that two processes write to (fixed in 3.51.3).
OLDEST_SQLITE = (3, 51, 3)
READERS = 2  # connections and threads per process that only read

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[Session, P], T]


class UnusableDatabase(UserError):
    """The database cannot be opened, is damaged, or does not fit this version of the code."""


class Database:
    """The two connection pools of one process: readers that never wait for writes, and one writer.

    `read`, `transact` and `transact_as` are for coroutines. `read_now`, `transact_now` and
    `transact_as_now` do the same in the calling thread, for commands and tests.
    """

    def __init__(self, config: Config, command: str = "") -> None:
        """Open the pools. Transactions of no user are logged under the name of the command."""
        self._nobody = Actor(command=command)
        self.reading = make_engine(config, writes=False)
        self.writing = make_engine(config, writes=True)
        self._reader = sessionmaker(self.reading, expire_on_commit=False, autoflush=False)
        self._writer = sessionmaker(self.writing, class_=AuditedSession, expire_on_commit=False)
        change_log.register_hooks(self._writer, self.writing)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._writers = ThreadPoolExecutor(1, thread_name_prefix="writer")

    async def read(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(session, …)` in a reader thread, on one snapshot of the database."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._readers, partial(self.read_now, work, *args, **kwargs)
        )

    async def transact(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(session, …)` in the writer thread, on behalf of no user."""
        return await self.transact_as(self._nobody, work, *args, **kwargs)

    async def transact_as(
        self, actor: Actor, work: Work[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work(session, …)` in the writer thread; see `transact_as_now`."""
        transaction = partial(self.transact_as_now, actor, work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._writers, transaction)

    def read_now(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(session, …)` in this thread, on one snapshot of the database.

        The transaction ends with a commit because psycopg drops its prepared statements after a
        rollback.
        """
        with self._reader() as session, session.begin():
            return work(session, *args, **kwargs)

    def transact_now(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(session, …)` in one transaction, in this thread, on behalf of no user."""
        return self.transact_as_now(self._nobody, work, *args, **kwargs)

    def transact_as_now(
        self, actor: Actor, work: Work[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work(session, …)` in one transaction, in this thread.

        Commits when `work` returns and rolls back when it raises. The actor is stored in the audit
        log. Raises `signin.SessionEnded`, without running `work`, if the actor's session is no
        longer valid.
        """
        writer = self._writer(actor=actor, action=name_of(work))
        with writer as session, session.begin():
            if actor.user and actor.signin_id:
                signin.require_session(session, actor.signin_id, actor.user.role)
            return work(session, *args, **kwargs)

    def close(self) -> None:
        """Wait for running transactions, then close every connection."""
        self._readers.shutdown()
        self._writers.shutdown()
        self.reading.dispose()
        self.writing.dispose()


def make_engine(config: Config, *, writes: bool) -> Engine:
    """Create an engine with one writing connection, or with `READERS` read-only connections.

    Raises `UnusableDatabase` if the installed SQLite is too old.
    """
    pool_size = 1 if writes else READERS
    if not config.is_sqlite:
        isolation = "READ COMMITTED" if writes else "REPEATABLE READ"
        options = {"isolation_level": isolation, "postgresql_readonly": not writes}
        engine = create_engine(
            config.database, pool_pre_ping=True, pool_size=pool_size, max_overflow=0
        )
        return engine.execution_options(**options)
    refuse_old_sqlite()
    return sqlite.engine(config, writes=writes, pool_size=pool_size)


def refuse_old_sqlite() -> None:
    """Raise `UnusableDatabase` if the SQLite library has the WAL corruption bug."""
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
    """Copy a consistent snapshot of the SQLite database to `target` while others keep writing.

    Raises `UnusableDatabase` if the copy fails.
    """
    refuse_old_sqlite()
    connecting = dbapi2.connect(config.sqlite_file, isolation_level=None)
    with contextlib.closing(connecting) as connection:
        try:
            connection.execute("PRAGMA busy_timeout=60000")
            connection.execute("VACUUM INTO ?", (str(target),))
        except dbapi2.Error as error:
            raise UnusableDatabase(
                N_("The database could not be copied: %(why)s."), why=error
            ) from error


def refuse_damaged(file: Path) -> None:
    """Check every page of an SQLite file; raise `UnusableDatabase` if it is damaged."""
    with contextlib.closing(dbapi2.connect(file)) as connection:
        try:
            rows = connection.execute("PRAGMA integrity_check(1)")
            result = rows.fetchone()[0].splitlines()[-1]
        except dbapi2.DatabaseError as error:
            result = str(error)
    if result != "ok":
        raise UnusableDatabase(
            N_("The database %(place)s is damaged: %(why)s"), place=file, why=result
        )
