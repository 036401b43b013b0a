"""Queries for the audit log: its list with filters and search, and one entry in detail.

The log is only read here; `change_log` writes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from blog.config import N_
from blog.models.audit.change_log import Change, Touched
from blog.models.listing import Listing, ListPage, ListQuery, Order, QueryFilter, containing
from blog.models.users.user import User

T = TypeVar("T")
VISITOR, BLOG = "visitor", "blog"  # values of the filter `by`


@dataclass(frozen=True)
class LoggedRow:
    """A row that an action changed, with its name at that time.

    `kind` is its table; `id` is `*` for several rows of a bulk change.
    """

    kind: str
    id: str
    name: str

    @property
    def key(self) -> str:
        """The key of the row in the facts of a change, such as `post:7`."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class LogEntry:
    """One logged action. `by` is empty for visitors and for scheduled tasks."""

    id: int
    at: datetime
    by_id: int | None
    by: str
    ip: str
    action: str
    rows: tuple[LoggedRow, ...]


class ColumnChange(NamedTuple):
    """The value of a column before and after, as JSON values."""

    name: str
    before: object
    after: object


@dataclass(frozen=True)
class ChangedRow:
    """One row of a log entry, with its changed columns."""

    row: LoggedRow
    columns: tuple[ColumnChange, ...]


@dataclass(frozen=True)
class LogEntryDetail:
    """A log entry with all its changes and cache tags."""

    entry: LogEntry
    changed_rows: tuple[ChangedRow, ...]
    tags: tuple[str, ...]


def _query() -> Select[*tuple[Any, ...]]:
    """Select all entries, except those that only invalidate the cache."""
    columns = (Change.id, Change.at, Change.by_id, Change.by_name, Change.ip, Change.action)
    return select(*columns, Change.about).where(~Change.is_quiet)


def _make(session: Session, rows: Sequence[Row[Any]]) -> list[LogEntry]:
    return [_entry(row) for row in rows]


def _entry(row: Row[Any] | Change) -> LogEntry:
    rows = parse_rows(row.about)
    return LogEntry(row.id, row.at, row.by_id, row.by_name, row.ip, row.action, rows)


def parse_rows(about: str) -> tuple[LoggedRow, ...]:
    """Parse the column `change.about`, with one `kind:id name` per line."""
    pairs = (line.partition(" ") for line in about.splitlines())
    return tuple(_logged_row(key, name) for key, _, name in pairs)


def _logged_row(key: str, name: str = "") -> LoggedRow:
    kind, _, id = key.partition(":")
    return LoggedRow(kind, id, name)


# --- filters ---


def _by(value: str) -> ColumnElement[bool]:
    """Entries of a user (by id), of a command (by name), of visitors, or of scheduled tasks."""
    if value in (VISITOR, BLOG):
        has_address = Change.ip != "" if value == VISITOR else Change.ip == ""
        return and_(Change.by_id.is_(None), Change.by_name == "", has_address)
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        return and_(Change.by_id.is_(None), Change.by_name == value)
    return and_(Change.by_id == int(value))


def _of_kind(value: str) -> ColumnElement[bool]:
    return and_(Touched.kind == value, Touched.change_id == Change.id)


def _since(value: str) -> ColumnElement[bool]:
    """Entries from a day on.

    Compares with the id of the day's first entry, because ids follow the order of time.
    """
    return and_(Change.id >= _first_from(_midnight(value)))


def _until(value: str) -> ColumnElement[bool]:
    first_after = _first_from(_midnight(value, timedelta(days=1)))
    return Change.id < func.coalesce(first_after, 2**31)


def _first_from(moment: datetime) -> ScalarSelect[int]:
    first = select(Change.id).where(Change.at >= moment).order_by(Change.at, Change.id).limit(1)
    return first.scalar_subquery()


def _midnight(value: str, later: timedelta = timedelta()) -> datetime:
    """Return the start of a day, given as `2026-11-20 Asia/Shanghai`.

    Raises `LookupError` if there is no such day or time zone.
    """
    day, _, zone = value.partition(" ")
    try:
        return datetime.combine(date.fromisoformat(day) + later, time(), ZoneInfo(zone or "UTC"))
    except (ValueError, OverflowError) as error:
        raise LookupError(value) from error


class AuditLog(Listing[LogEntry]):
    """The list of log entries.

    With the filter `kind`, entries are ordered by the table `touched`, whose index has the kinds.
    """

    def page(self, session: Session, asked: ListQuery) -> ListPage[LogEntry]:
        """Return one page of entries, newest first. Raises `LookupError` as `Listing.page` does."""
        if "kind" not in asked.filters:
            return super().page(session, asked)
        newest = Order(Touched.change_id, descending=True)
        of_kind = replace(self, key=Touched.change_id, orders={"at": newest})
        return super(AuditLog, of_kind).page(session, asked)


ENTRIES = AuditLog(
    query=_query,
    key=Change.id,
    make=_make,
    orders={"at": Order(Change.id, descending=True)},
    sort="at",
    filters={
        "by": QueryFilter(_by),
        "act": QueryFilter(lambda value: Change.action == value),
        "kind": QueryFilter(_of_kind),
        "since": QueryFilter(_since),
        "until": QueryFilter(_until),
    },
    search=containing(Change.about, Change.by_name, Change.ip, Change.action),
)


def actors(session: Session) -> Mapping[str, str]:
    """Return the options of the filter `by`: visitors, the system, and all users in the log."""
    ids = [id for id in _distinct(session, Change.by_id) if id is not None]
    people = session.execute(
        select(User.id, User.display_name)
        .where(User.id.in_(ids))
        .order_by(func.lower(User.display_name))
    )
    return {VISITOR: N_("Visitors"), BLOG: N_("System")} | {
        str(row.id): row.display_name for row in people
    }


def actions(session: Session) -> list[str]:
    """Return the names of all actions in the log, sorted."""
    return sorted(_distinct(session, Change.action))


def _distinct(session: Session, column: InstrumentedAttribute[T]) -> list[T]:
    """Return the distinct values of an indexed column.

    A recursive query looks up the next greater value each time, so that the cost depends on the
    number of values and not on the number of rows.
    """
    first = select(func.min(column).label("value")).cte("each_value", recursive=True)
    following = select(func.min(column)).where(column > first.c.value).scalar_subquery()
    step = select(following).where(first.c.value.is_not(None))
    every = first.union_all(step)
    return list(session.scalars(select(every.c.value).where(every.c.value.is_not(None))))


# --- one entry ---


def entry(session: Session, id: int) -> LogEntryDetail:
    """Return a log entry with all its changes. Raises `LookupError` if there is none."""
    change = session.get(Change, id)
    if change is None:
        raise LookupError(id)
    log_entry = _entry(change)
    named = {row.key: row for row in log_entry.rows}
    changed_rows = [
        ChangedRow(
            named.get(key, _logged_row(key)),
            tuple(ColumnChange(name, *pair) for name, pair in columns.items()),
        )
        for key, columns in change.facts.items()
    ]
    return LogEntryDetail(log_entry, tuple(changed_rows), tuple(change.tags))
