"""Real old blogs moved in: five seeds, a bilingual Jekyll blog, and the Rust project's blogs."""

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
    """A copy of the imported blogs, which the tests of this file may change."""
    config = Config(data_dir=tmp_path_factory.mktemp("content"), port=free_port())
    imported_blogs.copy_to(config)
    return config


@pytest.fixture(scope="module")
def receipts(imported_blogs: ImportedBlogs) -> dict[str, ImportReport]:
    """The report of each import."""
    return imported_blogs.reports


@pytest.fixture
def database(config: Config, receipts: dict[str, ImportReport]) -> Iterator[Database]:
    opened = Database(config)
    yield opened
    opened.close()


def zola_addresses() -> Iterator[tuple[str, list[str]]]:
    """Path and aliases of every post, read by a way of our own."""
    for file in (CONTENT / "zola").rglob("*.md"):
        fields = tomllib.loads(file.read_text("utf-8").split("+++")[1])
        if "path" in fields:
            yield fields["path"], fields.get("aliases", [])


def answers(database: Database, path: str) -> tuple[int, int]:
    """How many redirects, and to which post. A path that leads nowhere is post 0."""
    for redirects in range(3):
        found = database.read_now(post_page.at, path)
        if isinstance(found, PostPage):
            return redirects, found.card.id
        path = unquote(found or "")
    return 9, 0


def test_every_file_is_a_post_or_reported(receipts: dict[str, ImportReport]) -> None:
    for name, receipt in receipts.items():
        assert receipt.adds_up, name
        assert receipt.files == {"imported": POSTS[name]}
        assert receipt.found == POSTS[name] + receipt.reported
    reported = [each.file for each in receipts["zola"].told() if each.kind == "file"]
    assert reported == [
        "content/_index.md",
        "content/inside-rust/_index.md",
        "content/releases/_index.md",
        "content/releases/latest.md",
    ]


def test_every_address_and_alias_answers_with_one_redirect_at_most(database: Database) -> None:
    every = list(zola_addresses())
    assert len(every) == 745
    wrong = []
    for path, aliases in every:
        redirects, post = answers(database, f"/{path}/")
        spellings = [f"/{path}", f"/{path.lower()}", f"/{path}.html", *(f"/{a}" for a in aliases)]
        wrong += [path] * (redirects != 0 or not post)
        wrong += [other for other in spellings if answers(database, other) != (1, post)]
    assert wrong == []


def test_the_words_that_came_are_the_words_that_were(receipts: dict[str, ImportReport]) -> None:
    """Counted in Markdown on one side and in HTML on the other."""
    for name, receipt in receipts.items():
        old, new = receipt.words["old"], receipt.words["new"]
        assert old > 5_000 and abs(old - new) < 0.005 * old, name
        told = [each for each in receipt.told() if each.kind == "words"]
        assert len(told) < 0.02 * receipt.found, [str(each) for each in told]


def test_every_text_stands_as_it_was_typed(database: Database) -> None:
    query = select(Post.source_path, Post.body)
    wrong = [
        path
        for path, body in database.read_now(lambda session: session.execute(query).all())
        if not path.endswith(".rst") and not Path(path).read_bytes().endswith(body.encode())
    ]
    assert wrong == []


def test_every_picture_that_is_there_is_shown_or_refused(
    database: Database, config: Config, receipts: dict[str, ImportReport]
) -> None:
    assert receipts["jekyll"].pictures["brought"] >= 39
    assert receipts["jekyll"].pictures["refused"] == 0
    query = select(Revision.body_html).join(Post, Post.live_revision_id == Revision.id)
    for html in database.read_now(lambda session: session.scalars(query).all()):
        for name in re.findall(r'src="/media/([^"]+)"', html):
            assert (config.media_dir / name).is_file()
    refused = [str(each) for each in receipts["zola"].told() if "cannot be shown" in str(each)]
    assert refused and all(".svg" in sentence for sentence in refused)


def test_links_to_the_old_site_lead_to_our_posts(
    database: Database, receipts: dict[str, ImportReport]
) -> None:
    assert receipts["zola"].links["ours"] > 700
    query = select(Revision.body_html).join(Post, Post.live_revision_id == Revision.id)
    pages = database.read_now(lambda session: session.scalars(query).all())
    inner = {
        unquote(target)
        for html in pages
        for target in re.findall(r'<a href="(/(?:inside-rust/)?\d{4}/\d\d/\d\d/[^"#]+)', html)
    }
    assert len(inner) > 200
    assert [target for target in inner if answers(database, target)[0] != 0] == []


def test_no_stars_are_left_in_a_chinese_post(database: Database) -> None:
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


def test_hidden_posts_are_unlisted_and_unpublished_ones_drafts(database: Database) -> None:
    jekyll = Post.source_path.contains("/jekyll/")
    hidden = select(func.count()).where(~Post.is_listed, jekyll, Post.live_revision_id.is_not(None))
    drafts = select(func.count()).where(Post.live_revision_id.is_(None), jekyll)
    assert database.read_now(lambda session: session.scalar(hidden)) == 40
    assert database.read_now(lambda session: session.scalar(drafts)) == 7


def test_the_second_time_nothing_changes(config: Config, database: Database) -> None:
    counts = [select(func.count()).select_from(table) for table in (Post, Revision, Change)]
    before = [database.read_now(lambda session, q=q: session.scalar(q)) for q in counts]
    again = asyncio.run(import_all(config))
    assert {name: dict(receipt.files) for name, receipt in again.items()} == {
        name: {"unchanged": number} for name, number in POSTS.items()
    }
    assert [database.read_now(lambda session, q=q: session.scalar(q)) for q in counts] == before
