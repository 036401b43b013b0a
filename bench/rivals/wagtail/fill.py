"""Copies the posts of the blog's database into a Wagtail database, unless it is up to date."""

import os
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.rivals.wagtail.settings"
POSTS = """
    SELECT p.id, p.publish_at, p.title, p.slug, p.tags, r.excerpt, r.minutes, r.body_html,
           u.display_name AS author
    FROM post p JOIN revision r ON r.id = p.live_revision_id
    JOIN revision_author a ON a.revision_id = r.id JOIN user u ON u.id = a.user_id
    ORDER BY p.id
"""
COMMENTS = "SELECT post_id, uid, name, body_html, created_at FROM comment ORDER BY id"


def main() -> None:
    ours, theirs = Path(os.environ["BENCH_DATABASE"]), Path(os.environ["BENCH_WAGTAIL"])
    world_stamp = ours.with_name("made-by")
    if theirs.exists() and theirs.stat().st_mtime > world_stamp.stat().st_mtime:
        return
    draft = theirs.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    os.environ["BENCH_WAGTAIL"] = str(draft)
    django.setup()
    fill(ours)
    draft.replace(theirs)


def fill(ours: Path) -> None:
    from django.core.management import call_command
    from django.db import connection, transaction

    call_command("migrate", verbosity=0)
    source = sqlite3.connect(ours)
    source.row_factory = sqlite3.Row
    with transaction.atomic():
        index = blog_index()
        comments = source.execute(COMMENTS).fetchall()
        for row in source.execute(POSTS).fetchall():
            add(index, row, [comment for comment in comments if comment["post_id"] == row["id"]])
    connection.close()


def blog_index() -> Any:
    from wagtail.models import Page, Site

    from bench.rivals.wagtail.models import BlogIndex

    Page.objects.filter(depth=2).delete()
    home = Page.objects.get(depth=1).add_child(instance=Page(title="Home", slug="home"))
    Site.objects.all().delete()
    Site.objects.create(hostname="localhost", root_page=home, is_default_site=True)
    return home.add_child(instance=BlogIndex(title="Posts", slug="posts"))


def add(index: Any, row: Any, comments: list[Any]) -> None:
    from bench.rivals.wagtail.models import BlogPost, Comment

    fields = {name: row[name] for name in ("title", "slug", "excerpt", "minutes", "author")}
    post = BlogPost(**fields, date=moment(row["publish_at"]), body=row["body_html"])
    post.tags.add(*row["tags"].split(", "))
    post.comments = [
        Comment(
            uid=comment["uid"],
            name=comment["name"],
            body_html=comment["body_html"],
            created_at=moment(comment["created_at"]),
        )
        for comment in comments
    ]
    index.add_child(instance=post)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
