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
from sqlalchemy.dialects.postgresql import ARRAY, REAL, TSQUERY, TSVECTOR
from sqlalchemy.orm import Session

from blog.models.folding import tokens
from blog.models.question import Term, canonical
from blog.models.search_index import UNTOLD, WEIGHTS, Pieces, entry, metadata

gin = Table(
    "search_index",
    metadata,
    Column("post_id", Integer, primary_key=True, autoincrement=False),
    Column("length", Integer, nullable=False),
    Column("body", Text, nullable=False),
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
MOST_COUNTED = 255  # occurrences of a token: PostgreSQL keeps no more
LARGEST_VECTOR = 900_000  # bytes; PostgreSQL refuses a vector over 1 MiB
MOST_WEIGHED = 4  # tokens of a phrase; the rarest of them tells how often it can stand there
K1, B = 1.2, 0.75  # BM25, as FTS5 has it


class Tsvector:
    """A GIN index finds the tokens; that they stand side by side is read off the pieces.

    A vector only counts: PostgreSQL's own places end at the 16,383rd, and phrases with them.
    """

    def create(self, connection: Connection) -> None:
        gin.drop(connection, checkfirst=True)
        gin.create(connection)
        # Kept uncompressed: ranks and phrases are read off every row that is a candidate.
        connection.execute(text(UNCOMPRESSED))

    def put(self, session: Session, post_id: int, pieces: Pieces) -> None:
        row = {
            "post_id": post_id,
            "length": sum(len(tokens(part)) for part in (pieces.title, pieces.tags, pieces.body)),
            "body": canonical(pieces.body),
            "vector": cast(literal(_vector(pieces)), TSVECTOR),
        }
        session.execute(insert(gin).values(row), execution_options=UNTOLD)

    def drop(self, session: Session, post_id: int) -> None:
        session.execute(delete(gin).where(gin.c.post_id == post_id), execution_options=UNTOLD)

    def matching(self, terms: Sequence[Term], *, every: bool) -> Select[Any]:
        found = select(gin.c.post_id).join(entry, entry.c.post_id == gin.c.post_id)
        so = [condition for term in terms for condition in _stands_so(term)]
        return found.where(_has(terms, every), *(so if every else ()))

    def scored(
        self, session: Session, terms: Sequence[Term], hits: CTE, every: bool
    ) -> Select[Any]:
        average, rarity = _statistics(session, terms)
        evenness = K1 * (1 - B + B * gin.c.length / average)
        often = [WEIGHTS["title"] * _frequency(term) for term in terms]
        parts = (r * f * (K1 + 1) / (f + evenness) for r, f in zip(rarity, often, strict=True))
        score: ColumnElement[float] = sum(parts, literal(0.0))
        found = select(gin.c.post_id, score.label("score"))
        return found.where(gin.c.post_id.in_(select(hits.c.id)))


def _statistics(session: Session, terms: Sequence[Term]) -> tuple[float, list[float]]:
    """The average length, and what each term is worth: the fewer posts have it, the more."""
    counted = terms if len(terms) > 1 else ()
    counts = [select(func.count()).where(_has([term])).scalar_subquery() for term in counted]
    lengths = select(func.count(gin.c.post_id), func.avg(gin.c.length), *counts)
    posts, average, *having = session.execute(lengths).one()
    rarity = [max(log((posts - count + 0.5) / (count + 0.5)), 1e-6) for count in having]
    return float(average or 1), rarity or [1.0]


def _frequency(term: Term) -> ColumnElement[float]:
    """How often it can stand there, each time by the share of its place."""
    *tokens, last = term.tokens[:MOST_WEIGHED]
    parts = [Term((token,)) for token in tokens]
    parts.append(Term((last,), term.is_prefix and len(term.tokens) <= MOST_WEIGHED))
    shares = cast(literal(SHARES), ARRAY(REAL))
    return func.least(*(func.ts_rank_cd(shares, gin.c.vector, _query([part])) for part in parts))


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
    """The tokens as PostgreSQL writes them, with as many places as there are occurrences."""
    labels: dict[str, list[str]] = {}
    room = LARGEST_VECTOR
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
