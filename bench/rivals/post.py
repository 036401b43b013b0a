"""Reads the content of the measured page with seven short SQL queries.

The frameworks without an ORM use it. The queries are written for speed, and each thread keeps one
open connection.
"""

import os
import sqlite3
import threading
from datetime import datetime
from typing import Any

SITE = {
    "title": "The Ink House",
    "tagline": "A blog that is measured",
    "address": "http://ink.example",
    "navigation": [("About", "/about")],
}
NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
SHOWN = f"""
    FROM post p JOIN revision r ON r.id = p.live_revision_id JOIN address a ON a.id = p.address_id
    WHERE p.trashed_at IS NULL AND p.publish_at <= {NOW}
      AND (p.withdraw_at IS NULL OR p.withdraw_at > {NOW})
"""
LISTED = f"{SHOWN} AND r.is_listed AND p.kind = 'post'"
CARD = "SELECT p.id, p.publish_at, a.path AS href, r.title, r.language"
POST = f"{CARD}, r.id AS revision, r.excerpt, r.minutes, r.body_html {SHOWN} AND a.key = ?"
OLDER = f"{CARD} {LISTED} AND (p.publish_at, p.id) < (?, ?) ORDER BY p.publish_at DESC LIMIT 1"
NEWER = f"{CARD} {LISTED} AND (p.publish_at, p.id) > (?, ?) ORDER BY p.publish_at LIMIT 1"
RELATED = f"""
    {CARD} {LISTED} AND p.id != :id AND r.language = :language AND r.id IN (
        SELECT other.revision_id FROM revision_tag mine
        JOIN revision_tag other ON other.tag_id = mine.tag_id
        WHERE mine.revision_id = :revision
        GROUP BY other.revision_id ORDER BY count(*) DESC, other.revision_id DESC LIMIT 4
    ) ORDER BY p.publish_at DESC LIMIT 3
"""  # noqa: S608 -- all parts are constants of this file
TAGS = """
    SELECT t.name, '/tags/' || t.slug AS href
    FROM revision_tag JOIN tag t ON t.id = tag_id WHERE revision_id = ? ORDER BY position
"""
AUTHORS = """
    SELECT u.display_name AS name, '/authors/' || u.name AS href
    FROM revision_author JOIN user u ON u.id = user_id WHERE revision_id = ? ORDER BY position
"""
# The plus keeps SQLite from scanning all approved comments of the blog.
COMMENTS = """
    SELECT uid, name, body_html, language, created_at FROM comment
    WHERE post_id = ? AND +state = 'approved' ORDER BY created_at, id
"""
local = threading.local()


def page(path: str) -> dict[str, Any] | None:
    """Return the context of the template, or None if there is no post at this address."""
    execute = connection().execute
    post = execute(POST, (path.casefold().rstrip("/"),)).fetchone()
    if post is None:
        return None
    position = post["publish_at"], post["id"]
    parameters = {name: post[name] for name in ("id", "language", "revision")}
    return {
        "site": SITE,
        "post": card(post),
        "tags": execute(TAGS, (post["revision"],)).fetchall(),
        "authors": execute(AUTHORS, (post["revision"],)).fetchall(),
        "older": execute(OLDER, position).fetchone(),
        "newer": execute(NEWER, position).fetchone(),
        "related": [card(row) for row in execute(RELATED, parameters)],
        "comments": [comment(row) for row in execute(COMMENTS, (post["id"],))],
    }


def connection() -> sqlite3.Connection:
    if not hasattr(local, "connection"):
        connection = sqlite3.connect(os.environ["BENCH_DATABASE"], isolation_level=None)
        connection.row_factory = as_dict
        local.connection = connection
    return local.connection


def as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row as a dict, which templates read faster than a `sqlite3.Row`."""
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def card(row: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(row["publish_at"])
    return row | {"iso": iso(at), "day": f"{at.day} {at:%B %Y}"}


def comment(row: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(row["created_at"])
    return row | {"iso": iso(at), "time": f"{at.day} {at:%b %Y, %H:%M}"}


def iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
