"""SQLite as the blog opens it, and as statements are written for it."""

from typing import Any

from pysqlite3 import dbapi2
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine.interfaces import DBAPIConnection

from blog.config import Config
from blog.db import file_identity

PRAGMAS = (
    "busy_timeout=5000",  # first, so that the others wait too
    "journal_mode=WAL",
    "synchronous=FULL",  # a confirmed post survives a power cut
    "foreign_keys=ON",
    "journal_size_limit=67108864",
    "trusted_schema=OFF",
)


class Compiler(SQLiteCompiler):
    """Writes limits as numbers. Where one is a parameter, SQLite plans the statement anew each time
    a value is given, for the value might ask for another plan: 145 of 190 µs for what stands around
    a post."""

    def limit_clause(self, select: Any, **kw: Any) -> Any:
        limits: Any = super().limit_clause  # SQLAlchemy names no types here
        return limits(select, **{**kw, "literal_execute": True})


def engine(config: Config, *, writes: bool, **pool: Any) -> Engine:
    made = create_engine(
        config.database, module=dbapi2, connect_args={"check_same_thread": False}, **pool
    )
    made.dialect.statement_compiler = Compiler
    event.listen(made, "connect", _set_pragmas)
    if not writes:
        event.listen(made, "connect", _only_read)
    event.listen(made, "checkout", file_identity.look_at(config.sqlite_file))
    event.listen(made, "begin", _begin_writing if writes else _begin_reading)
    return made


def _set_pragmas(connection: DBAPIConnection, record: Any) -> None:
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _only_read(connection: DBAPIConnection, record: Any) -> None:
    connection.execute("PRAGMA query_only=ON")  # after the journal's mode, which it would refuse


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    """Past SQLAlchemy, which would tell what goes wrong: nothing can, for it waits for nobody."""
    connection.connection.cursor().execute("BEGIN")
