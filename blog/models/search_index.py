"""What search keeps of each post, and what it asks of a database's full-text table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import CTE, Column, Connection, Integer, MetaData, Select, Table, Text
from sqlalchemy.orm import Session

from blog.models.question import Term

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
