"""Which posts stand on which shelf of the front room, and how many: kept by the database itself.

Triggers do it, so that no act, import or statement written by hand can leave a number wrong. Time
changes no row: what has a day of its end is not counted here but by who asks, and what is to come
is taken off.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from types import ModuleType

from sqlalchemy import Column, Connection, Index, Integer, MetaData, String, Table, text
from sqlalchemy.orm import Session

from blog.models.base import UTCTime, rows
from blog.models.public import post_counts_postgresql, post_counts_sqlite

metadata = MetaData()  # apart from the models': made anew after each migration, as search is
standing = Table(
    "shelf_post",
    metadata,
    Column("shelf", String(40), primary_key=True),  # `posts`, `pages`, `tag:7`, `user:3`
    Column("publish_at", UTCTime, primary_key=True),
    Column("post_id", Integer, primary_key=True),
    Column("withdraw_at", UTCTime),
    Column("language", String(10), nullable=False),
    Column("month", String(7), nullable=False),  # of `publish_at`, in UTC: `2026-11`
    sqlite_with_rowid=False,
)
Index(
    "ix_shelf_post_post_id",
    standing.c.post_id,
    standing.c.shelf,
    standing.c.publish_at,
    standing.c.withdraw_at,
)
ENDING = standing.c.withdraw_at.is_not(None)
Index(
    "ix_shelf_post_ending",
    standing.c.shelf,
    standing.c.withdraw_at,
    standing.c.month,
    sqlite_where=ENDING,
    postgresql_where=ENDING,
)
EVER = ""
number = Table(
    "shelf_number",
    metadata,
    Column("shelf", String(40), primary_key=True),
    Column("month", String(7), primary_key=True),  # or EVER
    Column("posts", Integer, nullable=False),  # without an end, those to come among them
    sqlite_with_rowid=False,
)
LISTED = text("""
    CREATE VIEW shelf_listed AS
    SELECT post.id AS post_id, post.kind, post.publish_at, post.withdraw_at,
        revision.id AS revision, revision.language
    FROM post JOIN revision ON revision.id = post.live_revision_id
    WHERE revision.is_listed AND post.trashed_at IS NULL AND post.publish_at IS NOT NULL
      AND (post.withdraw_at IS NULL OR post.withdraw_at > post.publish_at)
""")
# Asked for posts and not for what is no page, a young PostgreSQL would walk through all of them.
WANTED = text("""
    CREATE VIEW shelf_wanted AS
    SELECT kind || 's' AS shelf, publish_at, post_id, withdraw_at, language FROM shelf_listed
    UNION ALL
    SELECT 'tag:' || tag_id, publish_at, post_id, withdraw_at, language
    FROM shelf_listed JOIN revision_tag ON revision_tag.revision_id = revision
    WHERE kind <> 'page'
    UNION ALL
    SELECT 'user:' || user_id, publish_at, post_id, withdraw_at, language
    FROM shelf_listed JOIN revision_author ON revision_author.revision_id = revision
    WHERE kind <> 'page'
""")
COUNTED = text("""
    INSERT INTO shelf_number (shelf, month, posts)
    SELECT shelf, '', count(*) FROM shelf_post WHERE withdraw_at IS NULL GROUP BY shelf
    UNION ALL
    SELECT shelf, month, count(*) FROM shelf_post WHERE withdraw_at IS NULL GROUP BY shelf, month
""")


def drop(connection: Connection) -> None:
    """Before a migration: no table can be rebuilt while a view or a trigger speaks of it."""
    kept = _keeper(connection)
    for statement in (*kept.FORGOTTEN, text("DROP VIEW IF EXISTS shelf_wanted")):
        connection.execute(statement)
    connection.execute(text("DROP VIEW IF EXISTS shelf_listed"))
    metadata.drop_all(connection)


def create(connection: Connection) -> None:
    """Make all of it anew, from what the posts are."""
    kept = _keeper(connection)
    metadata.create_all(connection)
    for statement in (LISTED, WANTED, kept.FILLED, COUNTED, *kept.FOLLOWED):
        connection.execute(statement)


def count_between(
    session: Session, shelf: str, at: datetime, gaps: Sequence[Sequence[datetime]]
) -> list[int]:
    """How many posts readers see at a moment that were published in each of these spans."""
    if all(start == end for start, end in gaps):
        return [0 for _ in gaps]
    spans = [[_plain(time) for time in gap] for gap in gaps]
    between = _keeper(session.connection()).BETWEEN
    found = rows(session, between, shelf=shelf, moment=at, gaps=json.dumps(spans))
    return [row[0] for row in found]


def _keeper(connection: Connection) -> ModuleType:
    return post_counts_postgresql if connection.dialect.name == "postgresql" else post_counts_sqlite


def _plain(time: datetime) -> str:
    """As SQLite keeps it."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
