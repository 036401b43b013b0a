"""What every model stands on: the declarative base, UTC times, the clock, and `Refusal`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Executable, MetaData
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Refusal(Exception):
    """A rule that was broken, in one sentence (marked with `N_`) for whoever broke it.

    `field` names the form field at fault, where there is one.
    """

    def __init__(self, message: str, field: str = "", **params: Any) -> None:
        super().__init__(message % params if params else message)
        self.message = message
        self.field = field
        self.params = params


class UTCTime(TypeDecorator[datetime]):
    """An aware time in UTC. SQLite hands back naive ones, which compare with nothing."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value and value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The base of every table. `change_tags` and `audited` feed the change table."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: UTCTime, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012 -- SQLAlchemy's own

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        """The tags that a row with these column values bears, such as `post:7`.

        Asked at flush for the values before and after; `changed` are the columns that differ.
        """
        return set()


def rows(session: Session, statement: Executable, **values: Any) -> Sequence[Any]:
    """Columns for a page, asked past the ORM: by its way the same takes twice as long."""
    return session.connection().execute(statement, values).all()


def dialect_insert(session: Session, table: Any) -> Any:
    """An INSERT of the dialect in use; both know `on_conflict_do_update`."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)


def now() -> datetime:
    """The one clock."""
    return datetime.now(UTC)
