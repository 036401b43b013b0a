"""The full-text index on SQLite: an FTS5 table of the tokens that `tokenizer` makes."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Text,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    table,
    text,
)
from sqlalchemy.orm import Session

from blog.models.base import rows
from blog.models.search.query import Term
from blog.models.search.schema import (
    IDS,
    NO_CACHE_TAGS,
    WEIGHTS,
    Criteria,
    EntryRow,
    Pieces,
    entry,
    shown_to_readers,
)
from blog.models.search.tokenizer import tokens

fts = table(
    "search_index",
    column("rowid", Integer),
    column("search_index", Text),  # the hidden column for matching the whole row
    *(column(name, Text) for name in WEIGHTS),
)

MATCHING = fts.c.search_index.op("MATCH", is_comparison=True)(bindparam("wanted", type_=Text))
# The row id is the place, so FTS5 finds the newest posts first and stops after LIMIT rows.
NEWEST = (
    select(entry.c.post_id, fts.c.rowid.label("place"), entry.c.title, entry.c.tags)
    .join(entry, entry.c.post_id == fts.c.rowid.bitwise_and(IDS - 1))
    .where(MATCHING, shown_to_readers(entry.c.post_id).exists())
    .order_by(fts.c.rowid.desc())
    .limit(bindparam("most", type_=Integer))
)
COUNT = select(func.count()).select_from(
    select(fts.c.rowid).where(MATCHING).limit(bindparam("most", type_=Integer)).subquery()
)
SCORES = select(
    fts.c.rowid, (-func.bm25(fts.c.search_index, *WEIGHTS.values())).label("score")
).where(
    MATCHING,
    fts.c.rowid >= bindparam("first", type_=BigInteger),
    fts.c.rowid <= bindparam("last", type_=BigInteger),
)


class Fts5:
    """A contentless FTS5 table, whose `ascii` tokenizer splits only at the spaces we insert.

    Tokens consist of non-ASCII letters, a-z, 0-9 and the `tokenchars` `+#.`.
    """

    def create(self, connection: Connection) -> None:
        """Create the empty table, replacing an existing one."""
        connection.execute(text("DROP TABLE IF EXISTS search_index"))
        connection.execute(
            text(
                "CREATE VIRTUAL TABLE search_index USING fts5(title, tags, body, content='',"
                " contentless_delete=1, prefix='2 3', tokenize=\"ascii tokenchars '+#.'\")"
            )
        )

    def put(self, session: Session, posts: Mapping[int, Pieces]) -> None:
        """Insert the pieces of posts by their place."""
        values = [{"rowid": place, **_columns(pieces)} for place, pieces in posts.items()]
        session.execute(insert(fts), values, execution_options=NO_CACHE_TAGS)

    def drop(self, session: Session, place: int) -> None:
        """Delete the row of a post."""
        session.execute(delete(fts).where(fts.c.rowid == place), execution_options=NO_CACHE_TAGS)

    def newest(
        self, session: Session, criteria: Criteria, at: datetime, most: int
    ) -> Sequence[EntryRow]:
        """Return up to `most` of the newest matching posts that readers can see at that moment."""
        return rows(session, NEWEST, wanted=_match_expression(criteria), moment=at, most=most)

    def count(self, session: Session, term: Term, most: int) -> int:
        """Return the number of posts that contain the term, counting up to `most`."""
        (row,) = rows(session, COUNT, wanted=_match_expression(Criteria([term])), most=most)
        return int(row[0])

    def scores(
        self, session: Session, terms: Sequence[Term], places: Sequence[int]
    ) -> Mapping[int, float]:
        """Return by place the relevance of the posts that contain any of the terms."""
        wanted = _match_expression(Criteria(terms, every=False))
        scored = rows(session, SCORES, wanted=wanted, first=min(places), last=max(places))
        return {row.rowid: row.score for row in scored}


def _columns(pieces: Pieces) -> dict[str, str]:
    return {name: " ".join(tokens(getattr(pieces, name))) for name in WEIGHTS}


def _match_expression(criteria: Criteria) -> str:
    """Return an FTS5 query; tokens contain no quotes, so that they need no escaping."""
    phrases = (
        f'"{" ".join(term.tokens)}"{" *" if term.is_prefix else ""}' for term in criteria.terms
    )
    joined = (" AND " if criteria.every else " OR ").join(phrases)
    return f"{{title}} : ({joined})" if criteria.is_titled else joined
