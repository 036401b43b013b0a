"""The engine: readers' and writer's threads, one transaction in one hop, and migrations.

A transaction is a plain function with a session, run whole in a thread. The loop waits for its
end and never in its middle, so a visitor who hangs up cannot leave half of one behind.
"""

import asyncio
import contextlib
import fcntl
import functools
import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from pysqlite3 import dbapi2
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool

from blog.config import N_, PACKAGE, Config, Told
from blog.db import sqlite
from blog.models.audit import change_log
from blog.models.audit.action import name_of
from blog.models.public import post_counts_index
from blog.models.search import search

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig
    from alembic.script import ScriptDirectory

# Older ones can corrupt a WAL that two processes write (fixed in 3.51.3).
OLDEST_SQLITE = (3, 51, 3)
READERS = 2
VERSIONS = PACKAGE / "migrations" / "versions"
MIGRATING = 0x626C_6F67  # number of the PostgreSQL advisory lock, "blog"

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[Session, P], T]


class Unusable(Told):
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
        raise Unusable(
            N_(
                "SQLite %(here)s has a bug that can damage the database. Install version "
                "%(wanted)s or later."
            ),
            here=dbapi2.sqlite_version,
            wanted=wanted,
        )


# --- migrations ---


def migrate(config: Config, before: Callable[[], object] = lambda: None) -> None:
    """Bring the database up to this code. Whoever comes second waits, then finds it done.

    `before` is called when a database that holds something is about to be changed; if it raises,
    nothing is.
    """
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if config.is_sqlite:  # its WAL takes over the mode; the folder may be one that others enter
        config.sqlite_file.touch(mode=0o600)
        with contextlib.suppress(PermissionError):  # an older one, of another owner
            config.sqlite_file.chmod(0o600)
    engine = make_engine(config, writes=True)
    try:
        with _alone(config, engine):
            with engine.connect() as connection:
                revision = _revision(connection)
            if revision == head():
                return  # as at most starts, without reading a single migration
            refuse_newer(revision)
            if revision:
                before()
            _upgrade(engine)
    finally:
        engine.dispose()


def copy_sqlite(config: Config, target: Path) -> None:
    """The database as it is at one moment, in a file of its own, while others go on writing."""
    refuse_old_sqlite()
    with contextlib.closing(dbapi2.connect(config.sqlite_file, isolation_level=None)) as line:
        try:
            line.execute("PRAGMA busy_timeout=60000")
            line.execute("VACUUM INTO ?", (str(target),))
        except dbapi2.Error as fault:
            raise Unusable(N_("The database could not be copied: %(why)s."), why=fault) from fault


def refuse_damaged(file: Path) -> None:
    """Read every page of an SQLite database, and raise `Unusable` if one does not fit."""
    with contextlib.closing(dbapi2.connect(file)) as line:
        try:
            said = line.execute("PRAGMA integrity_check(1)").fetchone()[0].splitlines()[-1]
        except dbapi2.DatabaseError as fault:
            said = str(fault)
    if said != "ok":
        raise Unusable(N_("The database %(place)s is damaged: %(why)s"), place=file, why=said)


@functools.cache
def head() -> str:
    """The revision that this code works with: that of the last file."""
    return max(path.stem for path in VERSIONS.glob("[0-9]*.py")).partition("_")[0]


def _reach(config: Config, engine: Engine) -> None:
    """A wrong address, or a file that is no database, is told before anything is done to it."""
    try:
        engine.connect().close()
    except DBAPIError as fault:
        why = str(fault.orig).partition("\n")[0]
        message = N_("The database %(place)s cannot be opened: %(why)s")
        raise Unusable(message, place=config.database_place, why=why) from fault


@contextlib.contextmanager
def _alone(config: Config, engine: Engine) -> Iterator[None]:
    """Hold the lock that keeps a second server from migrating at the same time.

    A new SQLite file is first opened under it: of two that make it a WAL at once, SQLite would
    refuse one without waiting.
    """
    if config.is_sqlite:
        with (config.data_dir / "migrate.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _reach(config, engine)
            yield
        return
    _reach(config, engine)
    with create_engine(config.database, poolclass=NullPool).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATING})
        yield
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATING})


def alembic_config() -> "AlembicConfig":
    from alembic.config import Config as AlembicConfig  # heavy, and workers do not migrate

    config = AlembicConfig()
    config.set_main_option("script_location", str(PACKAGE / "migrations"))
    return config


def revisions() -> "ScriptDirectory":
    """Every migration that this code knows."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(alembic_config())


def _upgrade(engine: Engine) -> None:
    from alembic import command

    alembic = alembic_config()
    with engine.connect() as connection:
        _foreign_keys(connection, on=False)
        with connection.begin():
            before = _revision(connection)
            refuse_newer(before)
            alembic.attributes["connection"] = connection
            post_counts_index.drop(connection)
            command.upgrade(alembic, "head")
            post_counts_index.create(connection)
            if _revision(connection) != before:
                search.create(connection)
                _check_foreign_keys(connection)
                change_log.call(connection)  # an older instance may still be serving
        _foreign_keys(connection, on=True)


def _foreign_keys(connection: Connection, *, on: bool) -> None:
    """Before BEGIN, or SQLite ignores it: with them on, rebuilding a table empties its children."""
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.dbapi_connection
        raw.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        if broken:
            message = N_("The migration would leave %(number)s rows without the row they refer to.")
            raise Unusable(message, number=len(broken))


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return str(found) if found else None


def refuse_newer(revision: str | None) -> None:
    from alembic.util import CommandError

    try:
        if revision:
            revisions().get_revision(revision)
    except CommandError as unknown:
        raise Unusable(
            N_(
                "The database was written by a newer release: its revision %(name)s is "
                "unknown to this one."
            ),
            name=revision,
        ) from unknown
