"""The table `search_entry`, and the interface of the full-text indexes of both databases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    select,
)
from sqlalchemy.orm import Session

from blog.models.public.post_counts import MOMENT, PAGES, POSTS, SHOWN
from blog.models.public.post_counts_index import list_entry
from blog.models.search.query import Term

# Execution options: no cached page depends on these tables.
NO_CACHE_TAGS: Mapping[str, tuple[str, ...]] = {"tags": ()}
WEIGHTS = {"title": 10.0, "tags": 4.0, "body": 1.0}  # of one occurrence

metadata = MetaData()  # not the models': migrations ignore these tables
entry = Table(
    "search_entry",
    metadata,
    Column("post_id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("tags", Text, nullable=False),
    # Higher for newer posts. Rows that an older release wrote during an upgrade have none.
    Column("place", BigInteger),
)
IDS = 2**32  # a place is the day of publication times this, plus the post id


def place_of(post_id: int, publish_at: datetime | None) -> int:
    """Return a number that is higher for newer posts: the day of publication and the post id."""
    return (publish_at.toordinal() if publish_at else 0) * IDS + post_id


def shown_to_readers(post_id: ColumnElement[int]) -> Select[int]:
    """Return a query for the post's id, if readers can see the post at `moment`.

    It selects the id only, because SQLite would use a worse index for more columns.
    """
    return select(list_entry.c.post_id).where(
        list_entry.c.post_id == post_id,
        list_entry.c.shelf.in_((POSTS, PAGES)),
        list_entry.c.publish_at <= MOMENT,
        SHOWN,
    )


@dataclass(frozen=True)
class Pieces:
    """The pieces of the title, tags and text of a post."""

    title: list[str]
    tags: list[str]
    body: list[str]


@dataclass(frozen=True)
class Criteria:
    """What a post must contain: all of these terms, or with `every=False` any of them.

    `is_titled`: the terms must be in the title.
    """

    terms: Sequence[Term]
    every: bool = True
    is_titled: bool = False


class EntryRow(Protocol):
    """A post that was found; the title and tags are canonical texts."""

    post_id: int
    place: int | None
    title: str
    tags: str


class FullText(Protocol):
    """A full-text index, in a table `search_index` with one row for each entry."""

    def create(self, connection: Connection) -> None:
        """Create the empty table, replacing an existing one."""

    def put(self, session: Session, posts: Mapping[int, Pieces]) -> None:
        """Insert the pieces of posts by their place."""

    def drop(self, session: Session, place: int) -> None:
        """Delete the row of a post."""

    def newest(
        self, session: Session, criteria: Criteria, at: datetime, most: int
    ) -> Sequence[EntryRow]:
        """Return up to `most` of the newest matching posts that readers can see at that moment."""

    def count(self, session: Session, term: Term, most: int) -> int:
        """Return the number of posts that contain the term, counting up to `most`."""

    def scores(
        self, session: Session, terms: Sequence[Term], places: Sequence[int]
    ) -> Mapping[int, float]:
        """Return by place the relevance of the posts that contain any of the terms."""
