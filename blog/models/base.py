"""Shared by all models: the declarative base, UTC column type, `now()` and `Refusal` errors."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Dialect, Executable, MetaData
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from blog.refusal import Refusal as Refusal

# What a JSON column holds; use these as `Mapped[JSONObject]` and `Mapped[JSONList]`.
JSONObject = dict[str, Any]
JSONList = list[Any]
# Column name -> value of one row.
ColumnValues = dict[str, object]

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCTime(TypeDecorator[datetime]):
    """A column type for times in UTC that are always time zone-aware.

    SQLite returns naive datetimes, which cannot be compared with aware ones, so UTC is added.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a value to UTC before it is stored. Raises `ValueError` for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return a stored value as an aware datetime in UTC."""
        if value is None or value.tzinfo is not None:
            return value and value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The declarative base of every table. The change log uses `change_tags` and `audit_*`."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: UTCTime, JSONObject: JSON, JSONList: JSON}  # noqa: RUF012 -- SQLAlchemy's own

    unaudited: ClassVar[bool] = False  # the log records nothing but the tags
    audit_secret: ClassVar[frozenset[str]] = frozenset()  # columns without their values
    audit_ignored: ClassVar[frozenset[str]] = frozenset()  # columns that are not recorded
    audit_whole: ClassVar[frozenset[str]] = frozenset()  # long values are recorded in full
    audit_by_columns: ClassVar[bool] = False  # a row is named after its changed columns

    @classmethod
    def change_tags(cls, session: Session, values: ColumnValues, changed: set[str]) -> set[str]:
        """Return the cache tags of a row with these column values, such as `post:7`.

        Called at flush, once with the values before the change and once with those after it.
        `changed` holds the names of the columns that differ.
        """
        return set()


def rows(session: Session, statement: Executable, **values: object) -> Sequence[Any]:
    """Return all rows of a Core statement, with `values` as its bind parameters.

    Executes on the connection, without the ORM: the same query takes twice as long through it.
    """
    return session.connection().execute(statement, values).all()


def dialect_insert(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT of the dialect in use; both have `on_conflict_do_update`."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)


def now() -> datetime:
    """Return the current time in UTC. No other code reads the system clock."""
    return datetime.now(UTC)
