"""Any section's list: what it may be narrowed, searched and ordered by, a page at a time.

Pages are found by where the last one ended and not by a number, so the thousandth costs what the
first does, and a row that comes in meanwhile pushes nothing onto another page.
"""

import base64
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from blog.models.base import Refusal, UTCTime

T = TypeVar("T")
PER_PAGE = 30
MOST_ROWS_PER_ACTION = 200
MOST_COUNTED = 10_000  # beyond it a page says "more than"


@dataclass(frozen=True)
class QueryFilter:
    """One way to narrow a list. `options` are the values there are; without any, each is tried."""

    where: Callable[[str], ColumnElement[bool]]
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """What rows are ordered by. It is never NULL: no row stands before or after that."""

    by: Any
    descending: bool = False


@dataclass(frozen=True)
class ListQuery:
    """What somebody wants to see: values by filter, words, an order (`-title` turns it round), and
    the row after or before which the page begins."""

    filters: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    sort: str = ""
    after: str = ""
    before: str = ""
    size: int = PER_PAGE


@dataclass(frozen=True)
class ListPage(Generic[T]):
    """One page of a list. `before` and `after` lead to its neighbours; empty where none is."""

    rows: tuple[T, ...]
    total: int
    is_more: bool  # `total` is only as far as was counted
    sort: str
    is_down: bool
    before: str = ""
    after: str = ""


class NumberedPage:
    """A page of a list whose pages are numbered from 1, such as an archive's. A base class."""

    total: int
    page: int
    per_page: int

    @property
    def pages(self) -> int:
        """The number of pages; an empty list has one."""
        return max(1, -(-self.total // self.per_page))


@dataclass(frozen=True)
class Listing(Generic[T]):
    """The rows of a section, as a declaration. `make` turns rows of `query` into what is shown;
    each has an `id`, the value of `key`."""

    query: Callable[[], Select[Any]]
    key: Any  # the column that tells rows apart
    make: Callable[[Session, Sequence[Row[Any]]], Sequence[T]]
    orders: Mapping[str, Order]
    sort: str  # by which order rows stand when none is asked for
    filters: Mapping[str, QueryFilter] = field(default_factory=dict)
    search: Callable[[str], ColumnElement[bool]] | None = None

    def page(self, session: Session, asked: ListQuery) -> ListPage[T]:
        """Raises `LookupError` for a filter, value, order or place that there is not."""
        sort = asked.sort or self.sort
        order = self._order(sort)
        where = self._where(asked)
        found, before, after = self._slice(session, order, where, asked)
        if not found and (asked.before or asked.after):
            return self.page(session, replace(asked, before="", after=""))
        total = self._count(session, where)
        return ListPage(
            rows=tuple(self.make(session, found)),
            total=min(total, MOST_COUNTED),
            is_more=total > MOST_COUNTED,
            sort=sort,
            is_down=order.descending,
            before=before,
            after=after,
        )

    def only(self, session: Session, ids: Sequence[int]) -> tuple[T, ...]:
        """The rows with these ids, as the list shows them; those that are gone are left out."""
        found = session.execute(self.query().where(self.key.in_(ids))).all()
        return tuple(self.make(session, found))

    def count(self, session: Session, **filters: str) -> int:
        """How many rows meet the filters, as far as is counted."""
        return self._count(session, self._where(ListQuery(filters)))

    def _slice(
        self, session: Session, order: Order, where: ColumnElement[bool], asked: ListQuery
    ) -> tuple[Sequence[Row[Any]], str, str]:
        """The rows of a page, and the places of its first and last where there is more."""
        backwards = bool(asked.before)
        down = order.descending is not backwards
        query = self.query().where(where)
        query = query.add_columns(order.by.label("order_"), self.key.label("key_"))
        if place := asked.before or asked.after:
            query = query.where(_beyond(order.by, self.key, place, down))
        ends = [column.desc() if down else column.asc() for column in (order.by, self.key)]
        rows = session.execute(query.order_by(None).order_by(*ends).limit(asked.size + 1)).all()
        is_more, found = len(rows) > asked.size, list(rows[: asked.size])
        if backwards:
            found.reverse()
        has_before, has_after = (is_more, True) if backwards else (bool(asked.after), is_more)
        before = _place(found[0]) if found and has_before else ""
        return found, before, _place(found[-1]) if found and has_after else ""

    def _order(self, sort: str) -> Order:
        order = self.orders.get(sort.removeprefix("-"))
        if order is None:
            raise LookupError(sort)
        return replace(order, descending=not order.descending) if sort.startswith("-") else order

    def _where(self, asked: ListQuery) -> ColumnElement[bool]:
        which: list[ColumnElement[bool]] = [self.key.is_not(None)]
        for name, value in asked.filters.items():
            known = self.filters.get(name)
            if known is None or (known.options and value not in known.options):
                raise LookupError(value)
            which.append(known.where(value))
        if asked.words and self.search:
            which.append(self.search(asked.words))
        return and_(*which)

    def _count(self, session: Session, where: ColumnElement[bool]) -> int:
        rows = self.query().where(where).with_only_columns(self.key, maintain_column_froms=True)
        counted = rows.order_by(None).limit(MOST_COUNTED + 1).subquery()
        return session.scalar(select(func.count()).select_from(counted)) or 0


def containing(*columns: Any) -> Callable[[str], ColumnElement[bool]]:
    """A search: every word stands somewhere in one of the columns, small or capital."""

    def where(words: str) -> ColumnElement[bool]:
        return and_(
            *(
                or_(*(column.icontains(word, autoescape=True) for column in columns))
                for word in words.split()
            )
        )

    return where


def together(session: Session, *works: Callable[[Session], Any]) -> tuple[Any, ...]:
    """Several readings on one snapshot, in one hop."""
    return tuple(work(session) for work in works)


# --- acts on several rows ---


class RowRefusal(Refusal):
    """A rule that one row of several broke; nothing was done to any."""

    def __init__(self, refusal: Refusal, id: int) -> None:
        super().__init__(refusal.message, refusal.field, **refusal.params)
        self.id = id


def each(verb: Callable[..., Any]) -> Callable[..., int]:
    """`verb(session, id, *, by)` for each of several rows, whole or not at all. What is gone by
    now is passed over; returns how many were there."""

    @functools.wraps(verb)
    def verb_for_each(session: Session, ids: Sequence[int], **given: Any) -> int:
        done = 0
        for id in ids:
            try:
                verb(session, id, **given)
                done += 1
            except Refusal as refusal:
                raise RowRefusal(refusal, id) from refusal
            except LookupError:
                continue
        return done

    return verb_for_each


class Tried(Exception):
    """Ends a trial: it could be done, and nothing was."""


def trial(verb: Callable[..., Any]) -> Callable[..., None]:
    """A verb that does nothing: it raises its `Refusal`, or `Tried`, and all is rolled back."""

    @functools.wraps(verb)
    def tried_verb(session: Session, ids: Sequence[int], **given: Any) -> None:
        verb(session, ids, **given)
        raise Tried

    return tried_verb


# --- places in a list ---


def _beyond(by: ColumnElement[Any], key: Any, place: str, down: bool) -> ColumnElement[bool]:
    """What stands after a place where rows go down, or before it."""
    value, id = _read(place, _kind(by.type))
    if by is key:  # said so simply, a database jumps there
        return and_(key < id if down else key > id)
    if down:
        return or_(by < value, and_(by == value, key < id))
    return or_(by > value, and_(by == value, key > id))


def _kind(of: Any) -> type:
    """The Python type of an order; what SQL makes of a text, such as `lower(…)`, is a text."""
    if isinstance(of, UTCTime):
        return datetime
    return str if isinstance(of, NullType) else of.python_type


def _place(row: Row[Any]) -> str:
    value = row.order_.isoformat() if isinstance(row.order_, datetime) else row.order_
    text = json.dumps([value, row.key_], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(place: str, kind: type) -> tuple[Any, int]:
    """Raises `LookupError` for a place that no list of ours has named."""
    try:
        value, id = json.loads(base64.urlsafe_b64decode(place + "=" * (-len(place) % 4)))
        value = _moment(value) if kind is datetime else value
        is_one = type(value) is kind and "\0" not in str(value).encode().decode()
        if is_one and type(id) is int and abs(id) < 2**31:
            return value, id
    except (ValueError, TypeError, RecursionError) as nonsense:
        raise LookupError(place) from nonsense
    raise LookupError(place)


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment
