"""What the measured page shows, read from our database with plain SQL: seven short queries.

For those whose framework brings no way to a database of its own. Each is as one would write it by
hand for speed; the connection is opened once for each thread and kept.
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
"""  # noqa: S608 -- all of it stands in this file
TAGS = """
    SELECT t.name, '/tags/' || t.slug AS href
    FROM revision_tag JOIN tag t ON t.id = tag_id WHERE revision_id = ? ORDER BY position
"""
AUTHORS = """
    SELECT u.display_name AS name, '/authors/' || u.name AS href
    FROM revision_author JOIN user u ON u.id = user_id WHERE revision_id = ? ORDER BY position
"""
# The plus keeps SQLite from walking through all approved comments of the blog.
COMMENTS = """
    SELECT uid, name, body_html, language, created_at FROM comment
    WHERE post_id = ? AND +state = 'approved' ORDER BY created_at, id
"""
kept = threading.local()


def page(path: str) -> dict[str, Any] | None:
    """All that the template needs; None where nothing stands at this address."""
    ask = connection().execute
    post = ask(POST, (path.casefold().rstrip("/"),)).fetchone()
    if post is None:
        return None
    here = post["publish_at"], post["id"]
    alike = {name: post[name] for name in ("id", "language", "revision")}
    return {
        "site": SITE,
        "post": card(post),
        "tags": ask(TAGS, (post["revision"],)).fetchall(),
        "authors": ask(AUTHORS, (post["revision"],)).fetchall(),
        "older": ask(OLDER, here).fetchone(),
        "newer": ask(NEWER, here).fetchone(),
        "related": [card(row) for row in ask(RELATED, alike)],
        "comments": [said(row) for row in ask(COMMENTS, (post["id"],))],
    }


def connection() -> sqlite3.Connection:
    if not hasattr(kept, "connection"):
        line = sqlite3.connect(os.environ["BENCH_DATABASE"], isolation_level=None)
        line.row_factory = as_dict
        kept.connection = line
    return kept.connection


def as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    """Templates read a dict faster than a `sqlite3.Row`."""
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def card(row: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(row["publish_at"])
    return row | {"iso": iso(at), "day": f"{at.day} {at:%B %Y}"}


def said(row: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(row["created_at"])
    return row | {"iso": iso(at), "time": f"{at.day} {at:%b %Y, %H:%M}"}


def iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
