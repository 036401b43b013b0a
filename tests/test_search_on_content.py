"""Search on real blogs, Chinese and English: what a reader looks for is among the first three."""

import os
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from blog.db import Database
from blog.markup import render
from blog.models import search, writing
from blog.models.post import Post
from blog.moving.old import OldPost
from blog.moving.source import Habits, read_post, roots_of
from blog.moving.walk import Unreadable, read, refuse, texts

CONTENT = os.environ.get("BLOG_TEST_CONTENT", "")
QUERIES = tomllib.loads((Path(__file__).parent / "queries.toml").read_text("utf-8"))["query"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CONTENT, reason="BLOG_TEST_CONTENT names no folder of real blogs"),
]


def old_posts(folder: Path) -> Iterator[OldPost]:
    files = list(texts(folder))
    habits = Habits(roots=roots_of(files))
    for file in files:
        try:
            refuse(file)
            yield read_post(file, *read(file, folder), habits)
        except Unreadable:
            continue


def plant(session: Session, posts: list[OldPost]) -> None:
    for old in posts:
        post = Post(title=old.title, body=old.body, tags=", ".join(old.tags), kind=old.kind)
        post.language, post.is_listed = old.language, old.listed
        post.publish_at = old.date or datetime(2020, 1, 1, tzinfo=UTC)
        session.add(post)
        session.flush()
        writing.show(session, post, render(old.body), by=None)
        if old.draft:
            post.live_revision_id = None


@pytest.fixture
def blogs(database: Database) -> Database:
    for folder in sorted(path for path in Path(CONTENT).iterdir() if path.is_dir()):
        posts = list(old_posts(folder))
        for start in range(0, len(posts), 100):
            database.transact_now(plant, posts[start : start + 100])
    return database


def first_three(database: Database, query: str) -> list[str]:
    found = database.read_now(search.find, query, per_page=3)
    return [hit.title for hit in found.hits]


def test_there_are_at_least_forty_queries() -> None:
    assert len({query["text"] for query in QUERIES}) >= 40


def test_what_is_looked_for_is_among_the_first_three(blogs: Database) -> None:
    found = {query["text"]: first_three(blogs, query["text"]) for query in QUERIES}
    missed = {
        query["text"]: (query["post"], found[query["text"]])
        for query in QUERIES
        if query["post"] not in found[query["text"]]
    }
    assert missed == {}
