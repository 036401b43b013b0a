"""The full-text tables of SQLite and PostgreSQL, which answer alike: both hold our own tokens."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Protocol

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    and_,
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
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR
from sqlalchemy.orm import Session

from blog.models.folding import canonical, tokens
from blog.models.question import Term

TITLE, TAGS, BODY = 10.0, 4.0, 1.0  # what one occurrence weighs

metadata = MetaData()  # apart from the models': migrations know nothing of these
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
    """A post cut into pieces."""

    title: list[str]
    tags: list[str]
    body: list[str]


class FullText(Protocol):
    """What search asks of a database."""

    def create(self, session: Session) -> None: ...

    def put(self, session: Session, post_id: int, pieces: Pieces) -> None: ...

    def drop(self, session: Session, post_id: int) -> None: ...

    def matching(self, terms: Sequence[Term], *, every: bool) -> Select[Any]:
        """The `post_id` of each post that has every term, or any."""

    def scored(self, session: Session, terms: Sequence[Term], hits: CTE, *, every: bool) -> Select[Any]:
        """The `post_id` of each of the hits with its `score`, the higher the better."""
