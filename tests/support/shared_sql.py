"""Compiled SQL, shared by all SQLite databases of this process.

SQLAlchemy compiles each kind of statement once per engine, which took a quarter of the time of the
tests, since most of them open a database of their own.
"""

from collections.abc import MutableMapping
from typing import Any

from sqlalchemy.engine import Dialect

from blog.db import Database

# SQLAlchemy looks up a compiled statement by its dialect, too, so the engines share one dialect.
dialects: list[Dialect] = []
statements: MutableMapping[Any, Any] = {}


def share_sql(database: Database) -> Database:
    """Let a migrated database use what others have compiled. Changes nothing for PostgreSQL."""
    if database.reading.dialect.name == "sqlite":
        if not dialects:
            database.reading.connect().close()  # the first connection completes the dialect
            dialects.append(database.reading.dialect)
        for engine in (database.reading, database.writing):
            engine.dialect = dialects[0]
            engine.update_execution_options(compiled_cache=statements)
    return database
