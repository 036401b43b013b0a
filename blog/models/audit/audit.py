"""The log as it is read: who did what, when and from where, newest first. Nothing here writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, and_, func, select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.audit.change_log import Change, Touched
from blog.models.listing import Listing, ListPage, ListQuery, Order, QueryFilter, containing
from blog.models.users.user import User

VISITOR, BLOG = "visitor", "blog"


@dataclass(frozen=True)
class LoggedRow:
    """A row that an act touched, as it was called then; of many at once, `id` is `*`."""

    kind: str
    id: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class LogEntry:
    """One act. `by` is empty for a visitor, and for what the blog does by itself."""

    id: int
    at: datetime
    by_id: int | None
    by: str
    ip: str
    action: str
    things: tuple[LoggedRow, ...]


@dataclass(frozen=True)
class ChangedRow:
    """One row in a line: each of its columns before and after."""

    thing: LoggedRow
    columns: tuple[tuple[str, Any, Any], ...]


@dataclass(frozen=True)
class LogEntryDetail:
    """A line whole."""

    line: LogEntry
    entries: tuple[ChangedRow, ...]
    tags: tuple[str, ...]


def _query() -> Any:
    """Acts; not what only makes pages anew."""
    columns = (Change.id, Change.at, Change.by_id, Change.by_name, Change.ip, Change.action)
    query: Any = select(*columns, Change.about).where(~Change.is_quiet)
    return query


def _make(session: Session, rows: Sequence[Row[Any]]) -> list[LogEntry]:
    return [
        LogEntry(row.id, row.at, row.by_id, row.by_name, row.ip, row.action, things(row.about))
        for row in rows
    ]


def things(about: str) -> tuple[LoggedRow, ...]:
    found = (line.partition(" ") for line in about.splitlines())
    return tuple(LoggedRow(*key.partition(":")[::2], name) for key, _, name in found)


# --- what a list may be narrowed by ---


def _by(value: str) -> ColumnElement[bool]:
    if value in (VISITOR, BLOG):
        from_afar = Change.ip != "" if value == VISITOR else Change.ip == ""
        return and_(Change.by_id.is_(None), Change.by_name == "", from_afar)
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        return and_(Change.by_id.is_(None), Change.by_name == value)
    return and_(Change.by_id == int(value))


def _of_kind(value: str) -> ColumnElement[bool]:
    return and_(Touched.kind == value, Touched.change_id == Change.id)


def _since(value: str) -> ColumnElement[bool]:
    """By the number of the first line of that day: rows are numbered as they are written."""
    return and_(Change.id >= _first_from(_midnight(value)))


def _until(value: str) -> ColumnElement[bool]:
    after = _first_from(_midnight(value, timedelta(days=1)))
    return Change.id < func.coalesce(after, 2**31)


def _first_from(moment: datetime) -> Any:
    first = select(Change.id).where(Change.at >= moment).order_by(Change.at, Change.id).limit(1)
    return first.scalar_subquery()


def _midnight(value: str, later: timedelta = timedelta()) -> datetime:
    """The beginning of `2026-11-20 Asia/Shanghai`. Raises `LookupError` for no such day."""
    day, _, zone = value.partition(" ")
    try:
        return datetime.combine(date.fromisoformat(day) + later, time(), ZoneInfo(zone or "UTC"))
    except (ValueError, OverflowError) as error:
        raise LookupError(value) from error


class AuditLog(Listing[LogEntry]):
    """Of one kind, lines are found and ordered by the table that knows their kinds."""

    def page(self, session: Session, asked: ListQuery) -> ListPage[LogEntry]:
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
    """Whoever has done something, for a filter: people, commands, visitors, the blog itself."""
    ids = [id for id in _each(session, Change.by_id) if id is not None]
    people = session.execute(
        select(User.id, User.display_name)
        .where(User.id.in_(ids))
        .order_by(func.lower(User.display_name))
    )
    return {VISITOR: N_("Visitors"), BLOG: N_("System")} | {
        str(row.id): row.display_name for row in people
    }


def actions(session: Session) -> list[str]:
    """The name of every action in the log."""
    return sorted(_each(session, Change.action))


def _each(session: Session, column: Any) -> list[Any]:
    """The values of an indexed column, each once, found by jumping from one to the next."""
    first = select(func.min(column).label("value")).cte("each_value", recursive=True)
    following = select(func.min(column)).where(column > first.c.value).scalar_subquery()
    step = select(following).where(first.c.value.is_not(None))
    every = first.union_all(step)
    return list(session.scalars(select(every.c.value).where(every.c.value.is_not(None))))


# --- one line ---


def entry(session: Session, id: int) -> LogEntryDetail:
    """Raises `LookupError`."""
    row = session.get(Change, id)
    if row is None:
        raise LookupError(id)
    [found] = _make(session, [row])  # type: ignore[list-item]  # it has the columns of a row
    named = {thing.key: thing for thing in found.things}
    entries = [
        ChangedRow(
            named.get(key, LoggedRow(*key.partition(":")[::2], "")),
            tuple((name, *pair) for name, pair in columns.items()),
        )
        for key, columns in row.facts.items()
    ]
    return LogEntryDetail(found, tuple(entries), tuple(row.tags))
