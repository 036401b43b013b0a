"""What search keeps of each post, and what it asks of a database's full-text table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

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
from blog.models.public.post_counts_index import standing
from blog.models.search.query import Term

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
    # The newer a post, the higher; an older release that still runs leaves it out.
    Column("place", BigInteger),
)
IDS = 2**32  # a place is a day and an id


def place_of(post_id: int, publish_at: datetime | None) -> int:
    return (publish_at.toordinal() if publish_at else 0) * IDS + post_id


def shown_to_readers(post_id: ColumnElement[int]) -> Select[Any]:
    """Its id if readers may find it at `moment`. Asked for more, SQLite takes another index."""
    return select(standing.c.post_id).where(
        standing.c.post_id == post_id,
        standing.c.shelf.in_((POSTS, PAGES)),
        standing.c.publish_at <= MOMENT,
        SHOWN,
    )


@dataclass(frozen=True)
class Pieces:
    """The words and runs of a post."""

    title: list[str]
    tags: list[str]
    body: list[str]


@dataclass(frozen=True)
class Sought:
    """What a post must have: all of these terms, or any; perhaps in its title."""

    terms: Sequence[Term]
    every: bool = True
    is_titled: bool = False


class FullText(Protocol):
    """What search asks of a database; `search_index` holds one row for each entry."""

    def create(self, connection: Connection) -> None: ...

    def put(self, session: Session, posts: Mapping[int, Pieces]) -> None: ...

    def drop(self, session: Session, place: int) -> None: ...

    def newest(self, session: Session, sought: Sought, at: datetime, most: int) -> Sequence[Any]:
        """`post_id`, `place`, `title` and `tags` of the newest posts that readers may find."""

    def count(self, session: Session, term: Term, most: int) -> int:
        """In how many posts it stands, as far as `most`."""

    def scores(
        self, session: Session, terms: Sequence[Term], places: Sequence[int]
    ) -> Mapping[int, float]:
        """By place, how well posts with any of the terms meet them: the higher, the better."""
