"""Full text on PostgreSQL: a tsvector of our own tokens under a GIN index."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from math import log
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL, TSQUERY, TSVECTOR
from sqlalchemy.orm import Session

from blog.models.base import now, rows
from blog.models.public import post_counts
from blog.models.search.query import Term, canonical
from blog.models.search.schema import (
    IDS,
    UNTOLD,
    WEIGHTS,
    Pieces,
    Sought,
    entry,
    metadata,
    shown_to_readers,
)
from blog.models.search.tokenizer import tokens

gin = Table(
    "search_index",
    metadata,
    Column("post_id", Integer, primary_key=True, autoincrement=False),
    Column("length", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("place", BigInteger),
    Column("vector", TSVECTOR, nullable=False),
    Index(
        "ix_search_index_vector",
        "vector",
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    ),
)
UNCOMPRESSED = """ALTER TABLE search_index
    ALTER body SET STORAGE EXTERNAL, ALTER vector SET STORAGE EXTERNAL"""
LABELS = {"title": "A", "tags": "B", "body": "C"}
SHARES = "{0, 0.1, 0.4, 1}"  # of the labels D, C, B and A, to be multiplied by the title's weight
FEWEST, WIDER = 4, 4  # so many times the posts wanted are looked through first, then so many more
MOST_COUNTED = 255  # occurrences of a token: PostgreSQL keeps no more
LARGEST_VECTOR = 900_000  # bytes; PostgreSQL refuses a vector over 1 MiB
MOST_TITLED = 600  # tokens of a title, which is shorter
MOST_WEIGHED = 4  # tokens of a phrase; the rarest of them tells how often it can stand there
IN_TITLE = "^"  # before a token of the title: to look at labels, PostgreSQL would read each vector
K1, B = 1.2, 0.75  # BM25, as FTS5 has it
TYPICAL = 800.0  # tokens of a post; the mean of all would have to be counted for each search


class Tsvector:
    """A GIN index finds the tokens; that they stand side by side is read off the pieces.

    A vector only counts: PostgreSQL's own places end at the 16,383rd, and phrases with them.
    """

    def create(self, connection: Connection) -> None:
        gin.drop(connection, checkfirst=True)
        gin.create(connection)
        # Kept uncompressed: ranks and phrases are read off every row that is a candidate.
        connection.execute(text(UNCOMPRESSED))

    def put(self, session: Session, posts: Mapping[int, Pieces]) -> None:
        found = [_row(*divmod(place, IDS), pieces) for place, pieces in posts.items()]
        vector = cast(bindparam("vector", type_=Text), TSVECTOR)
        session.execute(insert(gin).values(vector=vector), found, execution_options=UNTOLD)

    def drop(self, session: Session, place: int) -> None:
        which = gin.c.post_id == place % IDS
        session.execute(delete(gin).where(which), execution_options=UNTOLD)

    def newest(self, session: Session, sought: Sought, at: datetime, most: int) -> Sequence[Any]:
        """Among the last months first: where a word is common, that is far enough. Where hardly
        any post of theirs has it, there are not many anywhere."""
        for months in _spans(session, at, most):
            found = rows(session, _newest(sought, months), moment=at, most=most)
            if len(found) == most:
                return found
            if len(found) * WIDER < most:
                break
        return rows(session, _newest(sought, ()), moment=at, most=most)

    def count(self, session: Session, term: Term, most: int) -> int:
        (found,) = rows(session, _counted(term, most))
        return int(found[0])

    def scores(
        self, session: Session, terms: Sequence[Term], places: Sequence[int]
    ) -> Mapping[int, float]:
        evenness = K1 * (1 - B + B * gin.c.length / TYPICAL)
        often = [WEIGHTS["title"] * _frequency(term) for term in terms]
        worth = _worth(session, terms)
        parts = (w * f * (K1 + 1) / (f + evenness) for w, f in zip(worth, often, strict=True))
        score: ColumnElement[float] = sum(parts, literal(0.0))
        known = {place % IDS: place for place in places}
        found = select(gin.c.post_id, score.label("score")).where(gin.c.post_id.in_(known))
        return {known[row.post_id]: float(row.score) for row in rows(session, found)}


def _row(day: int, post_id: int, pieces: Pieces) -> dict[str, Any]:
    return {
        "post_id": post_id,
        "place": day * IDS + post_id,
        "length": sum(len(tokens(part)) for part in (pieces.title, pieces.tags, pieces.body)),
        "body": canonical(pieces.body),
        "vector": _vector(pieces, day),
    }


def _spans(session: Session, at: datetime, most: int) -> Iterator[Sequence[str]]:
    """Months from the newest on, more and more of them."""
    months, sums = post_counts.calendar(session, post_counts.POSTS, at)
    least = FEWEST * most
    while sums and least < sums[-1]:
        first = bisect_left(sums, sums[-1] - least)
        yield [_month(month.toordinal()) for month in months[first:]]
        least *= WIDER


def _month(day: int) -> str:
    """A token that stands in no text."""
    return f"~{date.fromordinal(day):%Y-%m}" if day else "~"


def _newest(sought: Sought, months: Sequence[str]) -> Select[Any]:
    """Found by their words, then looked at one by one from the newest on, until there are enough:
    left the choice, PostgreSQL goes through all posts that there are."""
    among = f" & ({' | '.join(repr(month) for month in months)})" if months else ""
    has = gin.c.vector.op("@@", is_comparison=True)(cast(literal(_syntax(sought) + among), TSQUERY))
    found = select(gin.c.post_id, gin.c.place, gin.c.body).where(has)
    found_ = found.order_by(gin.c.place.desc().nulls_last()).offset(0).subquery()
    told = select(entry.c.title, entry.c.tags).where(entry.c.post_id == found_.c.post_id)
    told_ = told.limit(1).lateral()
    columns = [told_.c.title] if sought.is_titled else [told_.c.title, told_.c.tags, found_.c.body]
    so = [_stands_so(term, columns) for term in sought.terms if len(term.tokens) > 1]
    return (
        select(found_.c.post_id, found_.c.place, told_.c.title, told_.c.tags)
        .join(told_, true())
        .join(shown_to_readers(found_.c.post_id).limit(1).lateral(), true())
        .where(*(so if sought.every else ()))
        .order_by(found_.c.place.desc().nulls_last())
        .limit(bindparam("most", type_=Integer))
    )


def _worth(session: Session, terms: Sequence[Term]) -> list[float]:
    """What each term is worth: the fewer posts have it, the more."""
    if len(terms) == 1:
        return [1.0]
    posts = post_counts.total(session, post_counts.POSTS, now())
    counts = [rows(session, _counted(term, posts))[0][0] for term in terms]
    return [max(log((posts - count + 0.5) / (count + 0.5)), 1e-6) for count in counts]


def _counted(term: Term, most: int) -> Select[Any]:
    has = gin.c.vector.op("@@", is_comparison=True)(_query([term]))
    return select(func.count()).select_from(select(gin.c.post_id).where(has).limit(most).subquery())


def _frequency(term: Term) -> ColumnElement[float]:
    """How often it can stand there, each time by the share of its place."""
    *tokens, last = term.tokens[:MOST_WEIGHED]
    parts = [Term((token,)) for token in tokens]
    parts.append(Term((last,), term.is_prefix and len(term.tokens) <= MOST_WEIGHED))
    shares = cast(literal(SHARES), ARRAY(REAL))
    return func.least(*(func.ts_rank_cd(shares, gin.c.vector, _query([part])) for part in parts))


def _query(terms: Sequence[Term], every: bool = True) -> ColumnElement[Any]:
    return cast(literal(_syntax(Sought(terms, every))), TSQUERY)


def _syntax(sought: Sought) -> str:
    """Our tokens hold no quote and no backslash, so that this is all syntax there is."""
    phrases = []
    for term in sought.terms:
        tokens = [f"'{IN_TITLE * sought.is_titled}{token}'" for token in term.tokens]
        phrases.append(f"({' & '.join(tokens)}{':*' * term.is_prefix})")
    return f"({(' & ' if sought.every else ' | ').join(phrases)})"


def _stands_so(term: Term, columns: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
    """The tokens of a phrase side by side; of one token the index itself says enough."""
    return or_(*(func.strpos(column, term.canonical) > 0 for column in columns))


def _vector(pieces: Pieces, day: int) -> str:
    """The tokens as PostgreSQL writes them, with as many places as there are occurrences."""
    ours = [_month(day), *(f"{IN_TITLE}{token}" for token in tokens(pieces.title)[:MOST_TITLED])]
    labels: dict[str, list[str]] = {token: ["1D"] for token in ours}
    room = LARGEST_VECTOR - sum(len(token.encode()) + 6 for token in ours)
    for token, label in _labelled(pieces):
        known = labels.setdefault(token, [])
        if len(known) < MOST_COUNTED and room > 0:
            room -= 2 if known else len(token.encode()) + 6
            known.append(f"{len(known) + 1}{label}")
    return " ".join(f"'{token}':{','.join(at)}" for token, at in labels.items() if at)


def _labelled(pieces: Pieces) -> Iterator[tuple[str, str]]:
    for name, label in LABELS.items():
        for token in tokens(getattr(pieces, name)):
            yield token, label
