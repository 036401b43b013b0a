"""The tables of which posts are in which public list, and how many; triggers keep them up to date.

Triggers rather than code do it, so that no action, import or manual statement can make a number
wrong. As the passing of time changes no row, the numbers include scheduled posts and leave out
posts with a date of withdrawal; `post_counts` corrects them for the moment of a query.

The tables call a list a `shelf`. The modules for SQLite and PostgreSQL hold the triggers.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from types import ModuleType

from sqlalchemy import Column, Connection, Index, Integer, MetaData, String, Table, text
from sqlalchemy.orm import Session

from blog.models.base import UTCTime, rows
from blog.models.public import post_counts_postgresql, post_counts_sqlite

metadata = MetaData()  # not the models': created again after each migration, like search
list_entry = Table(
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
    list_entry.c.post_id,
    list_entry.c.shelf,
    list_entry.c.publish_at,
    list_entry.c.withdraw_at,
)
ENDING = list_entry.c.withdraw_at.is_not(None)
Index(
    "ix_shelf_post_ending",
    list_entry.c.shelf,
    list_entry.c.withdraw_at,
    list_entry.c.month,
    sqlite_where=ENDING,
    postgresql_where=ENDING,
)
ALL_TIME = ""  # the month of a row that counts all months
list_count = Table(
    "shelf_number",
    metadata,
    Column("shelf", String(40), primary_key=True),
    Column("month", String(7), primary_key=True),  # or EVER
    Column("posts", Integer, nullable=False),  # with scheduled, without `withdraw_at`
    sqlite_with_rowid=False,
)
LISTED_VIEW = text("""
    CREATE VIEW shelf_listed AS
    SELECT post.id AS post_id, post.kind, post.publish_at, post.withdraw_at,
        revision.id AS revision, revision.language
    FROM post JOIN revision ON revision.id = post.live_revision_id
    WHERE revision.is_listed AND post.trashed_at IS NULL AND post.publish_at IS NOT NULL
      AND (post.withdraw_at IS NULL OR post.withdraw_at > post.publish_at)
""")
# The condition is `<> 'page'` because with `= 'post'` a PostgreSQL without statistics would scan
# all posts.
WANTED_VIEW = text("""
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
FILL_COUNTS = text("""
    INSERT INTO shelf_number (shelf, month, posts)
    SELECT shelf, '', count(*) FROM shelf_post WHERE withdraw_at IS NULL GROUP BY shelf
    UNION ALL
    SELECT shelf, month, count(*) FROM shelf_post WHERE withdraw_at IS NULL GROUP BY shelf, month
""")


def drop(connection: Connection) -> None:
    """Drop everything before a migration, as views and triggers prevent rebuilding a table."""
    statements = _statements(connection)
    for statement in (*statements.DROP, text("DROP VIEW IF EXISTS shelf_wanted")):
        connection.execute(statement)
    connection.execute(text("DROP VIEW IF EXISTS shelf_listed"))
    metadata.drop_all(connection)


def create(connection: Connection) -> None:
    """Create the tables, views and triggers, and fill the tables from the posts."""
    statements = _statements(connection)
    metadata.create_all(connection)
    for statement in (
        LISTED_VIEW,
        WANTED_VIEW,
        statements.FILL_ENTRIES,
        FILL_COUNTS,
        *statements.CREATE_TRIGGERS,
    ):
        connection.execute(statement)


def count_between(
    session: Session, list_key: str, at: datetime, gaps: Sequence[Sequence[datetime]]
) -> list[int]:
    """Return for each span (start, end) how many visible posts were published in it.

    Visible means that readers can see the post at `at`, ignoring that it may be scheduled.
    """
    if all(start == end for start, end in gaps):
        return [0 for _ in gaps]
    spans = [[_as_stored(time) for time in gap] for gap in gaps]
    between = _statements(session.connection()).COUNT_BETWEEN
    found = rows(session, between, shelf=list_key, moment=at, gaps=json.dumps(spans))
    return [row[0] for row in found]


def _statements(connection: Connection) -> ModuleType:
    return post_counts_postgresql if connection.dialect.name == "postgresql" else post_counts_sqlite


def _as_stored(time: datetime) -> str:
    """Return a time in the format in which SQLite stores it."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
