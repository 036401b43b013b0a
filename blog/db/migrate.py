"""Migrations: bringing the database up to this version, once, in whichever process comes first."""

import contextlib
import fcntl
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

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
MIGRATING = 0x626C_6F67  # number of the PostgreSQL advisory lock, "blog"


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
        raise UnusableDatabase(message, place=config.database_place, why=why) from fault


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
            raise UnusableDatabase(message, number=len(broken))


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
        raise UnusableDatabase(
            N_(
                "The database was written by a newer release: its revision %(name)s is "
                "unknown to this one."
            ),
            name=revision,
        ) from unknown
