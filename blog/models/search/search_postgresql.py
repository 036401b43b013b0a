"""The full-text index on PostgreSQL: tsvectors of the tokens of `tokenizer`, with a GIN index."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from math import log

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
    NO_CACHE_TAGS,
    WEIGHTS,
    Criteria,
    EntryRow,
    Pieces,
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
SHARES = "{0, 0.1, 0.4, 1}"  # of the labels D, C, B and A, relative to the weight of the title
# The first search covers at least this many times the posts wanted, each further one this many
# times more.
FIRST_FACTOR, GROWTH_FACTOR = 4, 4
MAX_OCCURRENCES = 255  # of a token: PostgreSQL stores no more
MAX_VECTOR_SIZE = 900_000  # bytes; PostgreSQL rejects a vector over 1 MiB
MAX_TITLE_TOKENS = 600  # titles are shorter
MAX_SCORED_TOKENS = 4  # of a phrase; the rarest one limits how often the phrase can occur
# A prefix of the tokens of the title. With labels instead, PostgreSQL would read each vector.
IN_TITLE = "^"
K1, B = 1.2, 0.75  # BM25 parameters, as in FTS5
TYPICAL_LENGTH = 800.0  # tokens of a post; the actual mean would take a query for each search


class Tsvector:
    """Finds tokens by a GIN index, and phrases by comparing the canonical texts of candidates.

    The positions in a vector only number the occurrences of a token. PostgreSQL stores positions
    up to 16,383 only, so they could not find phrases in long posts.
    """

    def create(self, connection: Connection) -> None:
        """Create the empty table, replacing an existing one."""
        gin.drop(connection, checkfirst=True)
        gin.create(connection)
        # Not compressed, as ranking and phrases read these columns of every candidate.
        connection.execute(text(UNCOMPRESSED))

    def put(self, session: Session, posts: Mapping[int, Pieces]) -> None:
        """Insert the pieces of posts by their place."""
        values = [_row(*divmod(place, IDS), pieces) for place, pieces in posts.items()]
        vector = cast(bindparam("vector", type_=Text), TSVECTOR)
        session.execute(insert(gin).values(vector=vector), values, execution_options=NO_CACHE_TAGS)

    def drop(self, session: Session, place: int) -> None:
        """Delete the row of a post."""
        condition = gin.c.post_id == place % IDS
        session.execute(delete(gin).where(condition), execution_options=NO_CACHE_TAGS)

    def newest(
        self, session: Session, criteria: Criteria, at: datetime, most: int
    ) -> Sequence[EntryRow]:
        """Return up to `most` of the newest matching posts that readers can see at that moment.

        Searches the latest months first, which is enough for a common word. If few of their posts
        match, it searches all months at once, as the word is rare.
        """
        for months in _growing_spans(session, at, most):
            found = rows(session, _newest(criteria, months), moment=at, most=most)
            if len(found) == most:
                return found
            if len(found) * GROWTH_FACTOR < most:
                break
        return rows(session, _newest(criteria, ()), moment=at, most=most)

    def count(self, session: Session, term: Term, most: int) -> int:
        """Return the number of posts that contain the term, counting up to `most`."""
        (row,) = rows(session, _count(term, most))
        return int(row[0])

    def scores(
        self, session: Session, terms: Sequence[Term], places: Sequence[int]
    ) -> Mapping[int, float]:
        """Return by place the relevance of the posts that contain any of the terms."""
        length_norm = K1 * (1 - B + B * gin.c.length / TYPICAL_LENGTH)
        frequencies = [WEIGHTS["title"] * _frequency(term) for term in terms]
        weights = _inverse_frequencies(session, terms)
        parts = (
            weight * frequency * (K1 + 1) / (frequency + length_norm)
            for weight, frequency in zip(weights, frequencies, strict=True)
        )
        score: ColumnElement[float] = sum(parts, literal(0.0))
        by_id = {place % IDS: place for place in places}
        query = select(gin.c.post_id, score.label("score")).where(gin.c.post_id.in_(by_id))
        return {by_id[row.post_id]: float(row.score) for row in rows(session, query)}


def _row(day: int, post_id: int, pieces: Pieces) -> dict[str, object]:
    return {
        "post_id": post_id,
        "place": day * IDS + post_id,
        "length": sum(len(tokens(part)) for part in (pieces.title, pieces.tags, pieces.body)),
        "body": canonical(pieces.body),
        "vector": _vector(pieces, day),
    }


def _growing_spans(session: Session, at: datetime, most: int) -> Iterator[Sequence[str]]:
    """Yield the tokens of the latest months, of more and more of them."""
    months, sums = post_counts.calendar(session, post_counts.POSTS, at)
    least = FIRST_FACTOR * most
    while sums and least < sums[-1]:
        first = bisect_left(sums, sums[-1] - least)
        yield [_month_token(month.toordinal()) for month in months[first:]]
        least *= GROWTH_FACTOR


def _month_token(day: int) -> str:
    """Return the token of the month of an ordinal day; no text contains such a token."""
    return f"~{date.fromordinal(day):%Y-%m}" if day else "~"


def _newest(criteria: Criteria, months: Sequence[str]) -> Select[int, int | None, str, str]:
    """Return a query for the newest matching posts, of these months if any are given.

    OFFSET 0 and LIMIT 1 make PostgreSQL find the posts by their words, then check each from the
    newest until there are enough. Otherwise its planner would go through all posts.
    """
    in_months = f" & ({' | '.join(repr(month) for month in months)})" if months else ""
    tsquery = cast(literal(_tsquery_text(criteria) + in_months), TSQUERY)
    candidate = (
        select(gin.c.post_id, gin.c.place, gin.c.body)
        .where(gin.c.vector.op("@@", is_comparison=True)(tsquery))
        .order_by(gin.c.place.desc().nulls_last())
        .offset(0)
        .subquery()
    )
    texts = (
        select(entry.c.title, entry.c.tags)
        .where(entry.c.post_id == candidate.c.post_id)
        .limit(1)
        .lateral()
    )
    columns = [texts.c.title]
    if not criteria.is_titled:
        columns += [texts.c.tags, candidate.c.body]
    phrases = [_contains(term, columns) for term in criteria.terms if len(term.tokens) > 1]
    return (
        select(candidate.c.post_id, candidate.c.place, texts.c.title, texts.c.tags)
        .join(texts, true())
        .join(shown_to_readers(candidate.c.post_id).limit(1).lateral(), true())
        .where(*(phrases if criteria.every else ()))
        .order_by(candidate.c.place.desc().nulls_last())
        .limit(bindparam("most", type_=Integer))
    )


def _inverse_frequencies(session: Session, terms: Sequence[Term]) -> list[float]:
    """Return the weight of each term, higher the fewer posts contain it (BM25's IDF)."""
    if len(terms) == 1:
        return [1.0]
    posts = post_counts.total(session, post_counts.POSTS, now())
    counts = [rows(session, _count(term, posts))[0][0] for term in terms]
    return [max(log((posts - count + 0.5) / (count + 0.5)), 1e-6) for count in counts]


def _count(term: Term, most: int) -> Select[int]:
    """Return a query for the number of posts that contain a term, counting up to `most`."""
    matches = gin.c.vector.op("@@", is_comparison=True)(_tsquery([term]))
    found = select(gin.c.post_id).where(matches).limit(most).subquery()
    return select(func.count()).select_from(found)


def _frequency(term: Term) -> ColumnElement[float]:
    """Return how often a term can occur at most, each occurrence weighted by its label."""
    *tokens, last = term.tokens[:MAX_SCORED_TOKENS]
    parts = [Term((token,)) for token in tokens]
    parts.append(Term((last,), term.is_prefix and len(term.tokens) <= MAX_SCORED_TOKENS))
    shares = cast(literal(SHARES), ARRAY(REAL))
    ranks = (func.ts_rank_cd(shares, gin.c.vector, _tsquery([part])) for part in parts)
    return func.least(*ranks)


def _tsquery(terms: Sequence[Term]) -> ColumnElement[str]:
    return cast(literal(_tsquery_text(Criteria(terms))), TSQUERY)


def _tsquery_text(criteria: Criteria) -> str:
    """Return the text of a tsquery; tokens hold no quote or backslash and need no escaping."""
    prefix = IN_TITLE if criteria.is_titled else ""
    phrases = []
    for term in criteria.terms:
        tokens = [f"'{prefix}{token}'" for token in term.tokens]
        phrases.append(f"({' & '.join(tokens)}{':*' if term.is_prefix else ''})")
    return f"({(' & ' if criteria.every else ' | ').join(phrases)})"


def _contains(term: Term, columns: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
    """Return the condition that a column contains the tokens of a phrase side by side."""
    return or_(*(func.strpos(column, term.canonical) > 0 for column in columns))


def _vector(pieces: Pieces, day: int) -> str:
    """Return the tokens in the text format of a tsvector, with a position per occurrence.

    Occurrences that would make the vector too large for PostgreSQL are left out.
    """
    title_tokens = tokens(pieces.title)[:MAX_TITLE_TOKENS]
    special = [_month_token(day), *(f"{IN_TITLE}{token}" for token in title_tokens)]
    labels: dict[str, list[str]] = {token: ["1D"] for token in special}
    bytes_left = MAX_VECTOR_SIZE - sum(len(token.encode()) + 6 for token in special)
    for token, label in _labelled(pieces):
        positions = labels.setdefault(token, [])
        if len(positions) < MAX_OCCURRENCES and bytes_left > 0:
            bytes_left -= 2 if positions else len(token.encode()) + 6
            positions.append(f"{len(positions) + 1}{label}")
    return " ".join(f"'{token}':{','.join(at)}" for token, at in labels.items() if at)


def _labelled(pieces: Pieces) -> Iterator[tuple[str, str]]:
    """Yield each token with the label of its field."""
    for name, label in LABELS.items():
        for token in tokens(getattr(pieces, name)):
            yield token, label
