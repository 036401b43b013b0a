"""Tests of importing real blogs: five posts, a bilingual Jekyll blog, and the blogs of Rust."""

import asyncio
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from sqlalchemy import func, select

from blog.config import Config
from blog.db import Database
from blog.importer.report import ImportReport
from blog.models.audit.change_log import Change
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from blog.models.public import post_page
from blog.models.public.cards import PostPage
from tests.support.live_server import free_port
from tests.support.real_blogs import CONTENT, ImportedBlogs, import_all, needs_content

POSTS = {"seeds": 5, "jekyll": 85, "zola": 745}

pytestmark = [pytest.mark.slow, needs_content]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, imported_blogs: ImportedBlogs) -> Config:
    """Return a copy of the imported blogs, which the tests of this file may change."""
    config = Config(data_dir=tmp_path_factory.mktemp("content"), port=free_port())
    imported_blogs.copy_to(config)
    return config


@pytest.fixture(scope="module")
def reports(imported_blogs: ImportedBlogs) -> dict[str, ImportReport]:
    """Return the report of the first import of each blog."""
    return imported_blogs.reports


@pytest.fixture
def database(config: Config, reports: dict[str, ImportReport]) -> Iterator[Database]:
    opened = Database(config)
    yield opened
    opened.close()


def zola_addresses() -> Iterator[tuple[str, list[str]]]:
    """Yield path and aliases of every post, read independently of the importer."""
    for file in (CONTENT / "zola").rglob("*.md"):
        fields = tomllib.loads(file.read_text("utf-8").split("+++")[1])
        if "path" in fields:
            yield fields["path"], fields.get("aliases", [])


def follow(database: Database, path: str) -> tuple[int, int]:
    """Return the number of redirects and the id of the post; (9, 0) if there is no post."""
    for redirects in range(3):
        result = database.read_now(post_page.at, path)
        if isinstance(result, PostPage):
            return redirects, result.card.id
        path = unquote(result or "")
    return 9, 0


def test_every_file_is_a_post_or_reported(reports: dict[str, ImportReport]) -> None:
    for name, report in reports.items():
        assert report.adds_up, name
        assert report.files == {"imported": POSTS[name]}
        assert report.found == POSTS[name] + report.reported
    reported = [remark.file for remark in reports["zola"].sorted_remarks() if remark.kind == "file"]
    assert reported == [
        "content/_index.md",
        "content/inside-rust/_index.md",
        "content/releases/_index.md",
        "content/releases/latest.md",
    ]


def test_every_address_and_alias_works_with_one_redirect_at_most(database: Database) -> None:
    posts = list(zola_addresses())
    assert len(posts) == 745
    wrong = []
    for path, aliases in posts:
        redirects, post = follow(database, f"/{path}/")
        spellings = [f"/{path}", f"/{path.lower()}", f"/{path}.html", *(f"/{a}" for a in aliases)]
        if redirects != 0 or not post:
            wrong.append(path)
        wrong += [other for other in spellings if follow(database, other) != (1, post)]
    assert wrong == []


def test_the_number_of_words_stays_the_same(reports: dict[str, ImportReport]) -> None:
    """The old words are counted in Markdown, the new ones in HTML."""
    for name, report in reports.items():
        old, new = report.words["old"], report.words["new"]
        assert old > 5_000 and abs(old - new) < 0.005 * old, name
        different = [remark for remark in report.sorted_remarks() if remark.kind == "words"]
        assert len(different) < 0.02 * report.found, [str(remark) for remark in different]


def test_every_text_is_unchanged(database: Database) -> None:
    query = select(Post.source_path, Post.body)
    wrong = [
        path
        for path, body in database.read_now(lambda session: session.execute(query).all())
        if not path.endswith(".rst") and not Path(path).read_bytes().endswith(body.encode())
    ]
    assert wrong == []


def test_every_existing_picture_is_shown_or_refused(
    database: Database, config: Config, reports: dict[str, ImportReport]
) -> None:
    assert reports["jekyll"].pictures["brought"] >= 39
    assert reports["jekyll"].pictures["refused"] == 0
    query = select(Revision.body_html).join(Post, Post.live_revision_id == Revision.id)
    for html in database.read_now(lambda session: session.scalars(query).all()):
        for name in re.findall(r'src="/media/([^"]+)"', html):
            assert (config.media_dir / name).is_file()
    refused = [
        str(remark)
        for remark in reports["zola"].sorted_remarks()
        if "cannot be shown" in str(remark)
    ]
    assert refused and all(".svg" in sentence for sentence in refused)


def test_links_to_the_old_site_become_links_to_imported_posts(
    database: Database, reports: dict[str, ImportReport]
) -> None:
    assert reports["zola"].links["ours"] > 700
    query = select(Revision.body_html).join(Post, Post.live_revision_id == Revision.id)
    pages = database.read_now(lambda session: session.scalars(query).all())
    inner = {
        unquote(target)
        for html in pages
        for target in re.findall(r'<a href="(/(?:inside-rust/)?\d{4}/\d\d/\d\d/[^"#]+)', html)
    }
    assert len(inner) > 200
    assert [target for target in inner if follow(database, target)[0] != 0] == []


def test_no_asterisks_are_left_in_a_chinese_post(database: Database) -> None:
    query = (
        select(Revision.title, Revision.body_html)
        .join(Post, Post.live_revision_id == Revision.id)
        .where(Revision.language == "zh")
    )
    pages = database.read_now(lambda session: session.execute(query).all())
    prose = {
        title: re.sub(r"<(pre|code)\b.*?</\1>|<math.*?</math>", "", html, flags=re.S)
        for title, html in pages
    }
    assert len(prose) > 40
    assert [title for title, text in prose.items() if "**" in text] == []


def test_hidden_posts_are_unlisted_and_unpublished_posts_are_drafts(database: Database) -> None:
    jekyll = Post.source_path.contains("/jekyll/")
    hidden = select(func.count()).where(~Post.is_listed, jekyll, Post.live_revision_id.is_not(None))
    drafts = select(func.count()).where(Post.live_revision_id.is_(None), jekyll)
    assert database.read_now(lambda session: session.scalar(hidden)) == 40
    assert database.read_now(lambda session: session.scalar(drafts)) == 7


def test_a_second_import_changes_nothing(config: Config, database: Database) -> None:
    counts = [select(func.count()).select_from(table) for table in (Post, Revision, Change)]
    before = [database.read_now(lambda session, q=q: session.scalar(q)) for q in counts]
    again = asyncio.run(import_all(config))
    assert {name: dict(report.files) for name, report in again.items()} == {
        name: {"unchanged": number} for name, number in POSTS.items()
    }
    assert [database.read_now(lambda session, q=q: session.scalar(q)) for q in counts] == before
