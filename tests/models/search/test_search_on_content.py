"""Search on real blogs, Chinese and English: what a reader looks for is among the first three."""

import os
import tomllib
from pathlib import Path

import pytest

from blog.config import Config
from blog.db import Database
from blog.importer import import_folder
from blog.importer.importer import ImportOptions
from blog.models.search import search

CONTENT = os.environ.get("BLOG_TEST_CONTENT", "")
FOLDERS = sorted(path for path in Path(CONTENT).iterdir() if path.is_dir()) if CONTENT else []
QUERIES = tomllib.loads(Path(__file__).with_name("queries.toml").read_text("utf-8"))["query"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CONTENT, reason="BLOG_TEST_CONTENT names no folder of real blogs"),
]


@pytest.fixture
async def blogs(migrated: Config, database: Database) -> Database:
    for folder in FOLDERS:
        await import_folder(migrated, folder, ImportOptions())
    return database


def first_three(database: Database, query: str) -> list[str]:
    found = database.read_now(search.find, query, per_page=3)
    return [hit.title for hit in found.hits]


def test_there_are_at_least_forty_queries() -> None:
    assert len({query["text"] for query in QUERIES}) >= 40


async def test_what_is_looked_for_is_among_the_first_three(blogs: Database) -> None:
    found = {query["text"]: first_three(blogs, query["text"]) for query in QUERIES}
    missed = {
        query["text"]: (query["post"], found[query["text"]])
        for query in QUERIES
        if query["post"] not in found[query["text"]]
    }
    assert missed == {}
