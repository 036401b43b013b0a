"""Generic filtered, searchable, sortable lists for the admin area, and actions on many rows.

Pages use keyset pagination, see `keyset.py`.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from blog.models import keyset
from blog.models.base import Refusal
from blog.models.keyset import Column, ListRow

T = TypeVar("T")
P = ParamSpec("P")
ListQueryRows = Select[*tuple[Any, ...]]  # selects `ListRow`s
PER_PAGE = 30
MOST_ROWS_PER_ACTION = 200
MOST_COUNTED = 10_000  # beyond this number a page shows "more than"


@dataclass(frozen=True)
class QueryFilter:
    """A filter of a list.

    `where` returns the SQL condition for a value. `options` are the allowed values; if empty,
    `where` checks the value itself and raises `LookupError`.
    """

    where: Callable[[str], ColumnElement[bool]]
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """A sort order. The expression must never be NULL, because NULLs cannot be compared."""

    by: Column
    descending: bool = False


@dataclass(frozen=True)
class ListQuery:
    """A request for a page of a list.

    `filters` maps filter names to values. `words` is the search text. `sort` names an order, and
    a leading hyphen (`-title`) reverses it. `after` and `before` are cursors from a `ListPage`;
    the page starts after, or ends before, that row.
    """

    filters: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    sort: str = ""
    after: str = ""
    before: str = ""
    size: int = PER_PAGE


@dataclass(frozen=True)
class ListPage(Generic[T]):
    """One page of a list. `before` and `after` are cursors of its neighbours, or empty."""

    rows: tuple[T, ...]
    total: int
    is_more: bool  # there are more rows than `total`, which is where counting stopped
    sort: str
    is_down: bool
    before: str = ""
    after: str = ""


class NumberedPage:
    """Base class for a page of a list whose pages are numbered from 1, such as an archive."""

    total: int
    page: int
    per_page: int

    @property
    def pages(self) -> int:
        """The number of pages; an empty list has one."""
        return max(1, -(-self.total // self.per_page))


@dataclass(frozen=True)
class Listing(Generic[T]):
    """The declaration of a list: its query, orders, filters and search.

    `query` returns the SELECT without conditions or order. `make` turns its rows into what the
    page shows; each result has an `id`, which is the value of `key`.
    """

    query: Callable[[], ListQueryRows]
    key: Column  # the column that identifies a row
    make: Callable[[Session, Sequence[ListRow]], Sequence[T]]
    orders: Mapping[str, Order]
    sort: str  # the name of the default order
    filters: Mapping[str, QueryFilter] = field(default_factory=dict)
    search: Callable[[str], ColumnElement[bool]] | None = None

    def page(self, session: Session, asked: ListQuery) -> ListPage[T]:
        """Return the requested page, or the first page if the cursor has no rows beyond it.

        Raises `LookupError` for an unknown filter, value or order, or an invalid cursor.
        """
        sort = asked.sort or self.sort
        order = self._order(sort)
        where = self._where(asked)
        selected, before, after = self._slice(session, order, where, asked)
        if not selected and (asked.before or asked.after):
            return self.page(session, replace(asked, before="", after=""))
        total = self._count(session, where)
        return ListPage(
            rows=tuple(self.make(session, selected)),
            total=min(total, MOST_COUNTED),
            is_more=total > MOST_COUNTED,
            sort=sort,
            is_down=order.descending,
            before=before,
            after=after,
        )

    def only(self, session: Session, ids: Sequence[int]) -> tuple[T, ...]:
        """Return the rows with these ids as the list shows them, without those that are gone."""
        selected = session.execute(self.query().where(self.key.in_(ids))).all()
        return tuple(self.make(session, selected))

    def count(self, session: Session, **filters: str) -> int:
        """Return the number of rows that match the filters, at most `MOST_COUNTED` + 1."""
        return self._count(session, self._where(ListQuery(filters)))

    def _slice(
        self, session: Session, order: Order, where: ColumnElement[bool], asked: ListQuery
    ) -> tuple[Sequence[ListRow], str, str]:
        """Return the rows of a page and the cursors of the pages before and after it.

        Reads one row more than the page holds, to know whether there is a further page.
        """
        is_backwards = bool(asked.before)
        is_down = order.descending is not is_backwards
        query = self.query().where(where)
        query = query.add_columns(order.by.label("order_"), self.key.label("key_"))
        cursor = asked.before or asked.after
        if cursor:
            query = query.where(keyset.beyond(order.by, self.key, cursor, is_down))
        ends = [column.desc() if is_down else column.asc() for column in (order.by, self.key)]
        rows = session.execute(query.order_by(None).order_by(*ends).limit(asked.size + 1)).all()
        has_further, selected = len(rows) > asked.size, list(rows[: asked.size])
        if is_backwards:
            selected.reverse()
            has_before, has_after = has_further, True
        else:
            has_before, has_after = bool(asked.after), has_further
        before = keyset.cursor(selected[0]) if selected and has_before else ""
        after = keyset.cursor(selected[-1]) if selected and has_after else ""
        return selected, before, after

    def _order(self, sort: str) -> Order:
        order = self.orders.get(sort.removeprefix("-"))
        if order is None:
            raise LookupError(sort)
        return replace(order, descending=not order.descending) if sort.startswith("-") else order

    def _where(self, asked: ListQuery) -> ColumnElement[bool]:
        conditions: list[ColumnElement[bool]] = [self.key.is_not(None)]
        for name, value in asked.filters.items():
            declared = self.filters.get(name)
            if declared is None or (declared.options and value not in declared.options):
                raise LookupError(value)
            conditions.append(declared.where(value))
        if asked.words and self.search:
            conditions.append(self.search(asked.words))
        return and_(*conditions)

    def _count(self, session: Session, where: ColumnElement[bool]) -> int:
        rows = self.query().where(where).with_only_columns(self.key, maintain_column_froms=True)
        counted = rows.order_by(None).limit(MOST_COUNTED + 1).subquery()
        return session.scalar(select(func.count()).select_from(counted)) or 0


def containing(*columns: Column) -> Callable[[str], ColumnElement[bool]]:
    """Return a search condition: each word occurs in one of the columns, ignoring case."""

    def where(words: str) -> ColumnElement[bool]:
        return and_(
            *(
                or_(*(column.icontains(word, autoescape=True) for column in columns))
                for word in words.split()
            )
        )

    return where


def run_together(session: Session, *works: Callable[[Session], Any]) -> tuple[Any, ...]:
    """Run several queries in one transaction, so that all of them see the same snapshot."""
    return tuple(work(session) for work in works)


# --- actions on many rows ---


class RowRefusal(Refusal):
    """A rule was violated by one of several rows. The transaction changes none of them."""

    def __init__(self, refusal: Refusal, id: int) -> None:
        super().__init__(refusal.message, refusal.field, **refusal.params)
        self.id = id


def for_each(verb: Callable[Concatenate[Session, int, P], object]) -> Callable[..., int]:
    """Make an action on one row, `verb(session, id, *, by)`, into one on many: `(session, ids)`.

    Rows that no longer exist are skipped. Returns the number of rows that were changed. Raises
    `RowRefusal` for the first row that violates a rule, which rolls back the transaction.
    """

    @functools.wraps(verb)
    def verb_for_each(
        session: Session, ids: Sequence[int], *args: P.args, **kwargs: P.kwargs
    ) -> int:
        done = 0
        for id in ids:
            try:
                verb(session, id, *args, **kwargs)
                done += 1
            except Refusal as refusal:
                raise RowRefusal(refusal, id) from refusal
            except LookupError:
                continue
        return done

    return verb_for_each


class DryRunSucceeded(Exception):
    """Ends a dry run that succeeded; the exception rolls back its transaction."""


def dry_run(verb: Callable[Concatenate[Session, Sequence[int], P], object]) -> Callable[..., None]:
    """Make a dry run of an action on many rows.

    It raises the action's own `Refusal`, or `DryRunSucceeded` if the action would succeed.
    Either exception rolls back the transaction.
    """

    @functools.wraps(verb)
    def checked_verb(
        session: Session, ids: Sequence[int], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        verb(session, ids, *args, **kwargs)
        raise DryRunSucceeded

    return checked_verb
