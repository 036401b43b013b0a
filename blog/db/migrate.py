"""Migrates the database to the schema of this version, under a lock so that it happens once."""

import contextlib
import fcntl
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from blog.config import N_, PACKAGE, Config
from blog.db import UnusableDatabase, make_engine
from blog.models.audit import change_log
from blog.models.public import post_counts_index
from blog.models.search import search

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig
    from alembic.script import ScriptDirectory

VERSIONS = PACKAGE / "migrations" / "versions"
MIGRATION_LOCK = 0x626C_6F67  # number of the PostgreSQL advisory lock, "blog"


def migrate(config: Config, before: Callable[[], object] = lambda: None) -> None:
    """Migrate the database to the latest revision. A second process waits, then does nothing.

    `before` is called before an existing database is changed. If it raises, nothing is changed.
    Raises `UnusableDatabase` for a database that cannot be opened or that a newer release wrote.
    """
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if config.is_sqlite:  # the WAL inherits the mode; the folder itself may be readable by others
        config.sqlite_file.touch(mode=0o600)
        with contextlib.suppress(PermissionError):  # an existing file of another owner
            config.sqlite_file.chmod(0o600)
    engine = make_engine(config, writes=True)
    try:
        with _migration_lock(config, engine):
            with engine.connect() as connection:
                revision = _revision(connection)
            if revision == head():
                return  # the usual start; no migration file is imported
            refuse_newer(revision)
            if revision:
                before()
            _upgrade(engine)
    finally:
        engine.dispose()


@functools.cache
def head() -> str:
    """Return the revision that this code requires: the number of the last migration file."""
    return max(path.stem for path in VERSIONS.glob("[0-9]*.py")).partition("_")[0]


def _check_connection(config: Config, engine: Engine) -> None:
    """Raise `UnusableDatabase` for a wrong address, or a file that is not a database."""
    try:
        engine.connect().close()
    except DBAPIError as error:
        why = str(error.orig).partition("\n")[0]
        message = N_("The database %(place)s cannot be opened: %(why)s")
        raise UnusableDatabase(message, place=config.database_place, why=why) from error


@contextlib.contextmanager
def _migration_lock(config: Config, engine: Engine) -> Iterator[None]:
    """Hold the lock that keeps a second server from migrating at the same time.

    A new SQLite file is first opened under this lock: if two processes switch it to WAL mode at
    once, SQLite fails in one of them without waiting for the busy timeout.
    """
    if config.is_sqlite:
        with (config.data_dir / "migrate.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _check_connection(config, engine)
            yield
        return
    _check_connection(config, engine)
    with create_engine(config.database, poolclass=NullPool).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        yield
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})


def alembic_config() -> "AlembicConfig":
    """Return Alembic's configuration, which names the folder of the migrations."""
    from alembic.config import Config as AlembicConfig  # slow to import; workers do not migrate

    config = AlembicConfig()
    config.set_main_option("script_location", str(PACKAGE / "migrations"))
    return config


def revisions() -> "ScriptDirectory":
    """Return every migration that this code knows."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(alembic_config())


def _upgrade(engine: Engine) -> None:
    """Run all pending migrations in one transaction, and rebuild the derived tables."""
    from alembic import command

    alembic = alembic_config()
    with engine.connect() as connection:
        _set_foreign_keys(connection, enabled=False)
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
                # An older instance may still be serving.
                change_log.notify_listeners(connection)
        _set_foreign_keys(connection, enabled=True)


def _set_foreign_keys(connection: Connection, *, enabled: bool) -> None:
    """Switch foreign keys on or off in SQLite. Call it before BEGIN, or SQLite ignores it.

    While they are on, rebuilding a table deletes the rows that refer to it.
    """
    if connection.dialect.name == "sqlite":
        cursor = connection.connection.cursor()
        cursor.execute(f"PRAGMA foreign_keys={'ON' if enabled else 'OFF'}")
        cursor.close()


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        if broken:
            message = N_("The migration would leave %(number)s rows without the row they refer to.")
            raise UnusableDatabase(message, number=len(broken))


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return str(revision) if revision else None


def refuse_newer(revision: str | None) -> None:
    """Raise `UnusableDatabase` for a revision that this code does not know."""
    from alembic.util import CommandError

    try:
        if revision:
            revisions().get_revision(revision)
    except CommandError as error:
        raise UnusableDatabase(
            N_(
                "The database was written by a newer release: its revision %(name)s is "
                "unknown to this one."
            ),
            name=revision,
        ) from error
