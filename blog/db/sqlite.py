"""SQLite engines: pragmas, how transactions begin, and how LIMIT is compiled."""

from collections.abc import Callable

from pysqlite3 import dbapi2
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine.interfaces import DBAPIConnection

from blog.config import Config
from blog.db import file_identity

PRAGMAS = (
    "busy_timeout=5000",  # first, because the following ones may have to wait for a lock
    "journal_mode=WAL",
    "synchronous=FULL",  # a confirmed post survives a power cut
    "foreign_keys=ON",
    "journal_size_limit=67108864",
    "trusted_schema=OFF",
)


class Compiler(SQLiteCompiler):
    """Writes LIMIT and OFFSET into the SQL as literal numbers.

    SQLite prepares a statement again each time a LIMIT parameter is bound, because the value may
    change the query plan. That took 145 of 190 µs of the query for a post's related posts.
    """

    def limit_clause(self, select: object, **kw: object) -> str:
        """Compile the clause as SQLAlchemy does, with literal values."""
        compile_limit: Callable[..., str] = super().limit_clause  # untyped in SQLAlchemy
        return compile_limit(select, **{**kw, "literal_execute": True})


def engine(config: Config, *, writes: bool, pool_size: int) -> Engine:
    """Create an engine of at most `pool_size` connections for the configured file."""
    engine = create_engine(
        config.database,
        module=dbapi2,
        connect_args={"check_same_thread": False},
        pool_size=pool_size,
        max_overflow=0,
    )
    engine.dialect.statement_compiler = Compiler
    event.listen(engine, "connect", _set_pragmas)
    if not writes:
        event.listen(engine, "connect", _make_read_only)
    event.listen(engine, "checkout", file_identity.reconnect_if_replaced(config.sqlite_file))
    event.listen(engine, "begin", _begin_writing if writes else _begin_reading)
    return engine


def _set_pragmas(connection: DBAPIConnection, _entry: object) -> None:
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _make_read_only(connection: DBAPIConnection, _entry: object) -> None:
    connection.execute("PRAGMA query_only=ON")  # after journal_mode, which it would block


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    """Begin without SQLAlchemy's error handling, to save time: a deferred BEGIN cannot fail."""
    connection.connection.cursor().execute("BEGIN")
