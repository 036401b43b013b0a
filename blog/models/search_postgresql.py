"""Full text on PostgreSQL: a tsvector of our own tokens under a GIN index."""

from collections.abc import Iterator, Sequence
from math import log
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Select,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.orm import Session

from blog.models.folding import tokens
from blog.models.question import Term, canonical
from blog.models.search_index import UNTOLD, Pieces, entry, metadata

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
