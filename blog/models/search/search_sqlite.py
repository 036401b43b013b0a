"""Full text on SQLite: an FTS5 table of our own tokens."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

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
from blog.models.search.schema import IDS, UNTOLD, WEIGHTS, Pieces, Sought, entry, shown_to_readers
from blog.models.search.tokenizer import tokens

fts = table(
    "search_index",
    column("rowid", Integer),
    column("search_index", Text),  # the hidden column that stands for the whole row
    *(column(name, Text) for name in WEIGHTS),
)

MATCHING = fts.c.search_index.op("MATCH", is_comparison=True)(bindparam("wanted", type_=Text))
# A row's number is its place: the newest are found first, and none beyond those that are asked for.
NEWEST = (
    select(entry.c.post_id, fts.c.rowid.label("place"), entry.c.title, entry.c.tags)
    .join(entry, entry.c.post_id == fts.c.rowid.bitwise_and(IDS - 1))
    .where(MATCHING, shown_to_readers(entry.c.post_id).exists())
    .order_by(fts.c.rowid.desc())
    .limit(bindparam("most", type_=Integer))
)
SOME = select(func.count()).select_from(
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

    def put(self, session: Session, posts: Mapping[int, Pieces]) -> None:
        found = [{"rowid": place, **_columns(pieces)} for place, pieces in posts.items()]
        session.execute(insert(fts), found, execution_options=UNTOLD)

    def drop(self, session: Session, place: int) -> None:
        session.execute(delete(fts).where(fts.c.rowid == place), execution_options=UNTOLD)

    def newest(self, session: Session, sought: Sought, at: datetime, most: int) -> Sequence[Any]:
        return rows(session, NEWEST, wanted=_wanted(sought), moment=at, most=most)

    def count(self, session: Session, term: Term, most: int) -> int:
        (found,) = rows(session, SOME, wanted=_wanted(Sought([term])), most=most)
        return int(found[0])

    def scores(
        self, session: Session, terms: Sequence[Term], places: Sequence[int]
    ) -> Mapping[int, float]:
        wanted = _wanted(Sought(terms, every=False))
        asked = {"wanted": wanted, "first": min(places), "last": max(places)}
        return {row.rowid: row.score for row in rows(session, SCORES, **asked)}


def _columns(pieces: Pieces) -> dict[str, str]:
    return {name: " ".join(tokens(getattr(pieces, name))) for name in WEIGHTS}


def _wanted(sought: Sought) -> str:
    phrases = (f'"{" ".join(term.tokens)}"{" *" * term.is_prefix}' for term in sought.terms)
    joined = (" AND " if sought.every else " OR ").join(phrases)
    return f"{{title}} : ({joined})" if sought.is_titled else joined
