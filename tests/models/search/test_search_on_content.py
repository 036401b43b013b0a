"""Search on real blogs in Chinese and English: the wanted post is among the first three results."""

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from blog.config import Config
from blog.db import Database
from blog.models.search import search
from tests.support.real_blogs import import_all, needs_content

QUERIES = tomllib.loads(Path(__file__).with_name("queries.toml").read_text("utf-8"))["query"]

pytestmark = [pytest.mark.slow, needs_content]


@pytest.fixture
async def blogs(migrated: Config, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """Every old blog. PostgreSQL has its own full-text search, so they are imported there too."""
    if migrated.is_sqlite:
        request.getfixturevalue("imported_blogs").copy_to(migrated)
    else:
        await import_all(migrated)
    opened = Database(migrated)
    yield opened
    opened.close()


def first_three(database: Database, query: str) -> list[str]:
    """Return the titles of the first three results."""
    results = database.read_now(search.find, query, per_page=3)
    return [hit.title for hit in results.hits]


def test_there_are_at_least_forty_queries() -> None:
    assert len({query["text"] for query in QUERIES}) >= 40


async def test_the_wanted_post_is_among_the_first_three_results(blogs: Database) -> None:
    results = {query["text"]: first_three(blogs, query["text"]) for query in QUERIES}
    missed = {
        query["text"]: (query["post"], results[query["text"]])
        for query in QUERIES
        if query["post"] not in results[query["text"]]
    }
    assert missed == {}
