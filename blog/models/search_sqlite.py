"""Full text on SQLite: an FTS5 table of our own tokens."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    column,
    delete,
    func,
    insert,
    select,
    table,
    text,
)
from sqlalchemy.orm import Session

from blog.models.folding import tokens
from blog.models.question import Term
from blog.models.search_index import UNTOLD, WEIGHTS, Pieces

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
