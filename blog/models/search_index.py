"""The full-text tables of SQLite and PostgreSQL, which answer alike: both hold our own tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Protocol

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    cast,
    column,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.orm import Session

from blog.models.folding import tokens
from blog.models.question import Term, canonical

UNTOLD: Any = {"tags": ()}  # these tables hold nothing that a page shows
WEIGHTS = {"title": 10.0, "tags": 4.0, "body": 1.0}  # of one occurrence

metadata = MetaData()  # apart from the models': migrations do not know these tables
entry = Table(
    "search_entry",
    metadata,
    Column("post_id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("tags", Text, nullable=False),
)


@dataclass(frozen=True)
class Pieces:
    """The words and runs of a post."""

    title: list[str]
    tags: list[str]
    body: list[str]


class FullText(Protocol):
    """What search asks of a database; `search_index` holds one row for each entry."""

    def create(self, connection: Connection) -> None: ...

    def put(self, session: Session, post_id: int, pieces: Pieces) -> None: ...

    def drop(self, session: Session, post_id: int) -> None: ...

    def matching(self, terms: Sequence[Term], *, every: bool) -> Select[Any]:
        """The ids of the posts that have every term, or any."""

    def scored(
        self, session: Session, terms: Sequence[Term], hits: CTE, every: bool
    ) -> Select[Any]:
        """`post_id` and `score`, the higher the better, of those hits."""


def full_text(connection: Session | Connection) -> FullText:
    bind = connection.get_bind() if isinstance(connection, Session) else connection
    return Tsvector() if bind.dialect.name == "postgresql" else Fts5()


# --- SQLite ---

fts = table(
    "search_index",
    column("rowid", Integer),
    column("search_index", Text),  # the hidden column that stands for the whole row
    *(column(name, Text) for name in WEIGHTS),
)


class Fts5:
    """A contentless FTS5 table. Its `ascii` tokenizer splits at our spaces and nowhere else.

    Our tokens are of non-ASCII letters, which it keeps whole, a-z, 0-9 and the marks named here.
    """

    def create(self, connection: Connection) -> None:
        connection.execute(text("DROP TABLE IF EXISTS search_index"))
        connection.execute(
            text(
                "CREATE VIRTUAL TABLE search_index USING fts5(title, tags, body, content='',"
                " contentless_delete=1, prefix='2 3', tokenize=\"ascii tokenchars '+#.'\")"
            )
        )

    def put(self, session: Session, post_id: int, pieces: Pieces) -> None:
        columns = {name: " ".join(tokens(getattr(pieces, name))) for name in WEIGHTS}
        session.execute(insert(fts), [{"rowid": post_id, **columns}], execution_options=UNTOLD)

    def drop(self, session: Session, post_id: int) -> None:
        session.execute(delete(fts).where(fts.c.rowid == post_id), execution_options=UNTOLD)

    def matching(self, terms: Sequence[Term], *, every: bool) -> Select[Any]:
        return select(fts.c.rowid.label("post_id")).where(self._match(terms, every))

    def scored(
        self, session: Session, terms: Sequence[Term], hits: CTE, every: bool
    ) -> Select[Any]:
        score = -func.bm25(fts.c.search_index, *WEIGHTS.values())
        # The plus keeps SQLite from asking the full-text table once for each hit.
        one_of_them = fts.c.rowid.op("+")(0).in_(select(hits.c.id))
        found = select(fts.c.rowid.label("post_id"), score.label("score"))
        return found.where(self._match(terms, every), one_of_them)

    def _match(self, terms: Sequence[Term], every: bool) -> ColumnElement[bool]:
        phrases = (f'"{" ".join(term.tokens)}"{" *" * term.is_prefix}' for term in terms)
        return fts.c.search_index.op("MATCH")((" AND " if every else " OR ").join(phrases))


# --- PostgreSQL ---

gin = Table(
    "search_index",
    metadata,
    Column("post_id", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("vector", TSVECTOR, nullable=False),
    Index(
        "ix_search_index_vector",
        "vector",
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    ),
)
LABELS = {"title": "A", "tags": "B", "body": "C"}
MOST_PLACES = 8  # of one token: more hardly raise its rank, and PostgreSQL keeps 256 at most
NO_MORE = ("",) * MOST_PLACES
LAST_PLACE = 16_383
LARGEST_VECTOR = 900_000  # bytes; PostgreSQL refuses a vector over 1 MiB
BY_LENGTH = 1  # ts_rank divides by the logarithm of the length


class Tsvector:
    """A GIN index finds the tokens; that they stand side by side is read off the pieces.

    PostgreSQL's own phrases forget places after the 16,383rd, and of one token after the 256th.
    """

    def create(self, connection: Connection) -> None:
        gin.drop(connection, checkfirst=True)
        gin.create(connection)
        # Kept uncompressed: ranks and phrases are read off every row that is a candidate.
        for name in ("body", "vector"):
            storage = f"ALTER TABLE search_index ALTER {name} SET STORAGE EXTERNAL"
            connection.execute(text(storage))

    def put(self, session: Session, post_id: int, pieces: Pieces) -> None:
        vector = cast(literal(_vector(pieces)), TSVECTOR)
        row = insert(gin).values(post_id=post_id, body=canonical(pieces.body), vector=vector)
        session.execute(row, execution_options=UNTOLD)

    def drop(self, session: Session, post_id: int) -> None:
        session.execute(delete(gin).where(gin.c.post_id == post_id), execution_options=UNTOLD)

    def matching(self, terms: Sequence[Term], *, every: bool) -> Select[Any]:
        found = select(gin.c.post_id).join(entry, entry.c.post_id == gin.c.post_id)
        so = [condition for term in terms for condition in _stands_so(term)]
        return found.where(_has(terms, every), *(so if every else ()))

    def scored(
        self, session: Session, terms: Sequence[Term], hits: CTE, every: bool
    ) -> Select[Any]:
        ranks = (
            rarity * func.ts_rank(gin.c.vector, _query([term]), BY_LENGTH)
            for rarity, term in zip(_rarity(session, terms), terms, strict=True)
        )
        score: ColumnElement[float] = sum(ranks, literal(0.0))
        found = select(gin.c.post_id, score.label("score"))
        return found.where(gin.c.post_id.in_(select(hits.c.id)))


def _rarity(session: Session, terms: Sequence[Term]) -> list[float]:
    """What a hit of each term is worth beside the others: the fewer posts have it, the more."""
    if len(terms) == 1:
        return [1.0]
    counts = [select(func.count()).where(_has([term])).scalar_subquery() for term in terms]
    total = select(func.count(gin.c.post_id)).scalar_subquery()
    posts, *having = session.execute(select(total, *counts)).one()
    return [log(1 + posts / (1 + count)) for count in having]


def _has(terms: Sequence[Term], every: bool = True) -> ColumnElement[bool]:
    return gin.c.vector.op("@@", is_comparison=True)(_query(terms, every))


def _query(terms: Sequence[Term], every: bool = True) -> ColumnElement[Any]:
    """Our tokens hold no quote and no backslash, so that this is all syntax there is."""
    phrases = []
    for term in terms:
        tokens = [f"'{token}'" for token in term.tokens]
        phrases.append(f"({' & '.join(tokens)}{':*' * term.is_prefix})")
    return cast(literal((" & " if every else " | ").join(phrases)), TSQUERY)


def _stands_so(term: Term) -> list[ColumnElement[bool]]:
    """The tokens of a phrase side by side; of one token the index itself says enough."""
    if len(term.tokens) == 1:
        return []
    columns = (entry.c.title, entry.c.tags, gin.c.body)
    return [or_(*(func.strpos(column, term.canonical) > 0 for column in columns))]


def _vector(pieces: Pieces) -> str:
    """The tokens with their first places and weights, as PostgreSQL writes them."""
    places: dict[str, list[str]] = {}
    room = LARGEST_VECTOR
    for place, (token, label) in enumerate(_labelled(pieces), 1):
        if token not in places and room > 0:
            places[token] = []
            room -= len(token.encode()) + 4 + 2 * MOST_PLACES
        if len(places.get(token, NO_MORE)) < MOST_PLACES:
            places[token].append(f"{min(place, LAST_PLACE)}{label}")
    return " ".join(f"'{token}':{','.join(at)}" for token, at in places.items())


def _labelled(pieces: Pieces) -> Iterator[tuple[str, str]]:
    for name, label in LABELS.items():
        for token in tokens(getattr(pieces, name)):
            yield token, label
