"""Tests of importing sample blogs into a database: once, repeatedly, and after changes."""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blog import importer
from blog.config import Config
from blog.db import Database
from blog.importer.importer import ImportOptions
from blog.importer.report import ImportReport
from blog.importer.source.source_post import Remark
from blog.markup import render
from blog.models.audit.change_log import Change
from blog.models.base import Refusal, now
from blog.models.posts import editing, publishing
from blog.models.posts.editing import WorkingCopy
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from blog.models.public import cards, post_page
from blog.models.transfer import import_posts
from blog.models.transfer.import_posts import ImportedPost
from blog.models.uploads import upload
from blog.models.users import setup, user
from blog.models.users.user import User
from tests.support.paths import SAMPLES

pytestmark = pytest.mark.slow


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Copy the sample blogs to a folder where a test may change them."""
    return Path(shutil.copytree(SAMPLES, tmp_path / "old"))


async def run_import(config: Config, folder: Path, **options: Any) -> ImportReport:
    report = await importer.import_folder(config, folder, ImportOptions(**options))
    assert report.adds_up, report.text()
    return report


def files(report: ImportReport) -> dict[str, int]:
    return {outcome: number for outcome, number in report.files.items() if number}


def losses(report: ImportReport, kind: str) -> list[str]:
    return [
        f"{remark.file.rsplit('/', 1)[-1]}: {remark}"
        for remark in report.sorted_remarks()
        if remark.kind == kind
    ]


def count(session: Session, table: Any) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def post_titled(database: Database, title: str) -> Post:
    query = select(Post).where(Post.title == title)
    return database.read_now(lambda session: session.scalars(query).one())


def page_at(database: Database, path: str) -> cards.PostPage:
    """Return the page at an address, after at most one redirect."""
    result = database.read_now(post_page.at, path)
    if isinstance(result, str):
        result = database.read_now(post_page.at, result)
    assert isinstance(result, cards.PostPage), f"{path} shows {result}"
    return result


def redirect_of(database: Database, path: str) -> str:
    result = database.read_now(post_page.at, path)
    assert isinstance(result, str), f"{path} shows {result}"
    return result


async def test_a_jekyll_blog_is_imported_completely(
    migrated: Config, database: Database, old: Path
) -> None:
    report = await run_import(migrated, old / "jekyll", old_url="https://old.example")
    assert files(report) == {"imported": 6} and (report.found, report.reported) == (9, 3)
    page = page_at(database, "/posts/hello-world")
    assert page.card.title == "Hello: the first"
    assert [name.name for name in page.card.authors] == ["Ann Archer"]
    assert [name.name for name in page.card.tags] == ["python", "web", "notes"]
    assert page.card.published_at.isoformat() == "2020-01-02T15:30:00+00:00"
    assert page.card.cover.startswith("/media/")
    assert "Raw <b>HTML</b> stays." in page.body_html and "style=" not in page.body_html


async def test_links_and_pictures_are_mapped_without_changing_the_text(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    await run_import(config, old / "jekyll")
    post = post_titled(sqlite_database, "Hello: the first")
    html = page_at(sqlite_database, "/posts/hello-world").body_html
    assert '<a href="/custom/second.html#u-why">it</a>' in html
    assert '<a href="/custom/second.html">by file</a>' in html
    assert '<a href="/nowhere/">nothing</a>' in html
    assert f'src="{post.links["/img/dot.png"]}"' in html
    assert "](/img/dot.png)" in post.body
    stored = config.media_dir / post.links["/img/dot.png"].removeprefix("/media/")
    assert stored.is_file()
    uploads = sqlite_database.read_now(lambda session: session.scalars(select(upload.Upload)).all())
    assert [(row.original, row.width, row.height) for row in uploads] == [("dot.png", 8, 6)]


async def test_addresses_are_kept_and_other_spellings_redirect(
    migrated: Config, database: Database, old: Path
) -> None:
    await run_import(migrated, old / "zola")
    address = "/2022/01/02/Release-1.0/"
    assert page_at(database, address).card.path == address
    for spelling in (
        "/2022/01/02/Release-1.0",
        "/2022/01/02/release-1.0/",
        "/2022/01/02/Release-1.0.html",
        "/2022/01/02/Release-1.0/index.html",
        "/releases/1.0",
        "/releases/1.0/",
    ):
        assert redirect_of(database, spelling) == address, spelling


async def test_a_pattern_keeps_chinese_addresses(
    migrated: Config, database: Database, old: Path
) -> None:
    await run_import(migrated, old / "jekyll", permalink="/:year/:month/:day/:title/")
    assert page_at(database, "/2020/03/04/你好/").card.language == "zh"
    assert redirect_of(database, "/2020/03/04/你好.html") == "/2020/03/04/%E4%BD%A0%E5%A5%BD/"


async def test_the_default_address_of_the_generator_redirects_to_the_post(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    await run_import(config, old / "jekyll")
    assert (
        redirect_of(sqlite_database, "/notes/2020/01/02/hello-world.html") == "/posts/hello-world"
    )
    assert redirect_of(sqlite_database, "/2020/01/02/hello-world/") == "/posts/hello-world"


async def test_drafts_are_not_public_and_hidden_posts_are_not_listed(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    await run_import(config, old / "jekyll")
    shown = sqlite_database.read_now(lambda s: cards.post_list(s, page=1, per_page=50)).cards
    assert {card.title for card in shown} == {"Hello: the first", "你好，世界"}
    assert page_at(sqlite_database, "/custom/second.html").card.is_listed is False
    assert post_titled(sqlite_database, "An idea").state(shown[0].published_at) == "draft"
    assert sqlite_database.read_now(post_page.at, "/posts/idea") is None
    assert post_titled(sqlite_database, "About us").kind == "page"


async def test_a_second_import_changes_nothing(
    migrated: Config, database: Database, old: Path
) -> None:
    for name in ("jekyll", "hugo", "zola", "hexo", "pelican", "plain"):
        await run_import(migrated, old / name)
    before = [database.read_now(count, table) for table in (Post, Revision, Change)]
    for name in ("jekyll", "hugo", "zola", "hexo", "pelican", "plain"):
        assert set(files(await run_import(migrated, old / name))) == {"unchanged"}
    assert [database.read_now(count, table) for table in (Post, Revision, Change)] == before


async def test_a_dry_run_writes_nothing_and_gives_the_same_report(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    dry = await run_import(config, old / "hugo", dry_run=True)
    assert (
        sqlite_database.read_now(count, Post) == 0 and sqlite_database.read_now(count, Change) == 0
    )
    assert not config.media_dir.exists() or not list(config.media_dir.iterdir())
    real = await run_import(config, old / "hugo")
    assert dry.to_json() | {"seconds": 0} == real.to_json() | {"seconds": 0, "dry_run": True}


async def test_a_changed_file_creates_a_revision(
    migrated: Config, database: Database, old: Path
) -> None:
    await run_import(migrated, old / "zola")
    file = old / "zola/content/release.md"
    file.write_text(file.read_text().replace("Out now.", "Out since long."))
    assert files(await run_import(migrated, old / "zola")) == {"updated": 1, "unchanged": 1}
    page = page_at(database, "/2022/01/02/Release-1.0/")
    assert "Out since long." in page.body_html
    assert page.card.updated_at > page.card.published_at
    assert database.read_now(count, Revision) == 3


def edit_here(database: Database, title: str) -> None:
    """Edit and publish a post in the dashboard."""
    kim = database.transact_now(
        setup.set_up,
        title="A blog",
        address="http://127.0.0.1:8000",
        language="en",
        timezone="UTC",
        name="kim",
        email="",
        password_hash="x",
    )
    by = database.read_now(lambda session: session.get_one(User, kim))
    post = post_titled(database, title)
    typed = WorkingCopy(title=title, slug=post.slug, body="Mine.", version=post.version)
    database.transact_now(editing.save, post.id, typed, by=by)
    version = post_titled(database, title).version
    database.transact_now(publishing.publish, post.id, render("Mine."), version, by=by)


async def test_a_post_edited_here_is_kept_and_reported_unless_forced(
    migrated: Config, database: Database, old: Path
) -> None:
    await run_import(migrated, old / "zola")
    edit_here(database, "Deep inside")
    file = old / "zola/content/inside/deep.md"
    file.write_text(file.read_text() + "\nTheirs.\n")
    left = await run_import(migrated, old / "zola")
    assert files(left) == {"left": 1, "unchanged": 1}
    assert losses(left, "left") == [
        "deep.md: The post has been edited here since the last import. "
        "Use --force to overwrite it with the file."
    ]
    assert "Mine." in page_at(database, "/posts/deep").body_html
    assert files(await run_import(migrated, old / "zola", force=True)) == {
        "updated": 1,
        "unchanged": 1,
    }
    assert "Theirs." in page_at(database, "/posts/deep").body_html


async def test_a_post_edited_here_with_an_unchanged_file_is_kept(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    await run_import(config, old / "zola")
    edit_here(sqlite_database, "Deep inside")
    assert files(await run_import(config, old / "zola")) == {"unchanged": 2}
    assert "Mine." in page_at(sqlite_database, "/posts/deep").body_html


async def test_a_post_in_the_trash_stays_there(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    await run_import(config, old / "zola")
    edit_here(sqlite_database, "Deep inside")
    kim = sqlite_database.read_now(
        lambda s: s.scalars(select(User).where(User.name == "kim")).one()
    )
    sqlite_database.transact_now(
        publishing.trash, post_titled(sqlite_database, "Deep inside").id, by=kim
    )
    file = old / "zola/content/inside/deep.md"
    file.write_text(file.read_text() + "\nTheirs.\n")
    report = await run_import(config, old / "zola", force=True)
    assert losses(report, "left") == ["deep.md: The post is in the trash here."]
    assert post_titled(sqlite_database, "Deep inside").is_trashed()


async def test_a_post_that_became_a_draft_is_no_longer_public(
    migrated: Config, database: Database, old: Path
) -> None:
    await run_import(migrated, old / "zola")
    file = old / "zola/content/inside/deep.md"
    file.write_text(file.read_text().replace("date =", "draft = true\ndate ="))
    await run_import(migrated, old / "zola")
    assert database.read_now(post_page.at, "/posts/deep") is None
    file.write_text(file.read_text().replace("draft = true", "draft = false"))
    await run_import(migrated, old / "zola")
    assert page_at(database, "/posts/deep").card.title == "Deep inside"


async def test_posts_of_a_renamed_folder_are_recognized(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    await run_import(config, old / "zola")
    elsewhere = old.parent / "elsewhere"
    elsewhere.mkdir()
    (old / "zola").rename(elsewhere / "zola")
    assert files(await run_import(config, elsewhere / "zola")) == {"unchanged": 2}


async def test_two_posts_with_the_same_address_are_reported(
    migrated: Config, database: Database, tmp_path: Path
) -> None:
    old = tmp_path / "two"
    old.mkdir()
    head = "---\ntitle: %s\ndate: 2020-01-01\nurl: /same/\naliases: [/also/]\n---\n%s\n"
    (old / "a.md").write_text(head % ("First", "One."))
    (old / "b.md").write_text(head.replace("/same/", "/Same.html") % ("Second", "Two."))
    (old / "c.md").write_text("---\ntitle: Third\ndate: 2020-01-01\nurl: /search\n---\nThree.\n")
    report = await run_import(migrated, old)
    assert losses(report, "address") == [
        "b.md: The address /Same.html already belongs to a.md.",
        "b.md: The address /also/ already belongs to a.md.",
        "c.md: /search is reserved for the blog itself.",
    ]
    assert page_at(database, "/same/").card.title == "First"
    assert page_at(database, "/also/").card.title == "First"
    assert page_at(database, "/posts/b").card.title == "Second"
    assert page_at(database, "/posts/c").card.title == "Third"


async def test_an_address_that_is_already_used_is_reported(
    config: Config, sqlite_database: Database, old: Path, tmp_path: Path
) -> None:
    await run_import(config, old / "zola")
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.md").write_text("---\ntitle: X\nurl: /2022/01/02/release-1.0\n---\nText.\n")
    report = await run_import(config, other)
    assert "already belongs to another post here" in losses(report, "address")[0]
    assert page_at(sqlite_database, "/2022/01/02/Release-1.0/").card.title == "Release 1.0"
    assert page_at(sqlite_database, "/posts/x").card.title == "X"


async def test_a_changed_address_in_the_file_moves_the_post_and_the_old_one_redirects(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    await run_import(config, old / "zola")
    file = old / "zola/content/release.md"
    file.write_text(file.read_text().replace('path = "2022/01/02/Release-1.0"', 'path = "new"'))
    await run_import(config, old / "zola")
    assert page_at(sqlite_database, "/new/").card.title == "Release 1.0"
    assert redirect_of(sqlite_database, "/2022/01/02/Release-1.0/") == "/new/"


async def test_an_unknown_author_becomes_one_byline(
    migrated: Config, database: Database, old: Path
) -> None:
    database.transact_now(
        user.create_user,
        name="alexis",
        display_name="Alexis Author",
        email="",
        role="author",
        password_hash="x",
    )
    await run_import(migrated, old / "pelican")
    people = database.read_now(lambda s: s.scalars(select(User).order_by(User.id)).all())
    assert [(person.name, person.display_name, person.can_sign_in) for person in people] == [
        ("alexis", "Alexis Author", True),
        ("conan-coauthor", "Conan Coauthor", False),
    ]


async def test_pelican_links_and_restructured_text_are_imported(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    report = await run_import(config, old / "pelican")
    headed = page_at(sqlite_database, "/posts/my-headed-post").body_html
    assert '<a href="/posts/my-super-post">the other</a>' in headed
    assert 'src="/media/' in headed
    converted = page_at(sqlite_database, "/my-super-post.html")
    assert '<a href="/posts/my-headed-post">link</a>' in converted.body_html
    assert "<table>" in converted.body_html and "<script>" not in converted.body_html
    assert any('"raw" directive disabled' in loss for loss in losses(report, "text"))


async def test_losses_are_in_the_import_report(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    report = await run_import(config, old / "jekyll")
    assert losses(report, "picture") == [
        "2020-01-02-hello-world.md: /img/gone.png is not in the folder."
    ]
    assert "2020-01-02-hello-world.md: No content here matches /nowhere/." in losses(report, "link")
    text = losses(report, "text")
    assert any("style=" in loss for loss in text) and any(
        "{{ site.title }}" in loss for loss in text
    )
    svg = losses(await run_import(config, old / "zola"), "picture")
    assert any("chart.svg" in loss for loss in svg)


async def test_a_post_that_cannot_be_rendered_is_reported_and_the_others_are_imported(
    config: Config, sqlite_database: Database, tmp_path: Path
) -> None:
    old = tmp_path / "heavy"
    old.mkdir()
    (old / "heavy.md").write_text("# Heavy\n\n" + "word " * 200_000)
    (old / "light.md").write_text("# Light\n\nText.\n")
    report = await run_import(config, old)
    assert files(report) == {"failed": 1, "imported": 1} and report.reported == 1
    assert "longer than" in losses(report, "file")[0]
    assert report.exit_code == 1
    assert post_titled(sqlite_database, "Light").body == "# Light\n\nText.\n"


async def test_an_interrupted_import_can_be_continued(
    config: Config, sqlite_database: Database, tmp_path: Path
) -> None:
    class StopImport(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise StopImport

    for number in range(60):
        (tmp_path / f"{number}.md").write_text(f"# Number {number}\n\nText.\n")
    with pytest.raises(StopImport):
        await importer.import_folder(config, tmp_path, ImportOptions(), stop)
    imported_count = sqlite_database.read_now(count, Post)
    assert 2 <= imported_count < 60
    again = await run_import(config, tmp_path)
    assert files(again) == {"unchanged": imported_count, "imported": 60 - imported_count}


async def test_several_posts_are_written_in_one_transaction(
    config: Config, sqlite_database: Database, tmp_path: Path
) -> None:
    before = sqlite_database.read_now(count, Change)
    for number in range(60):
        (tmp_path / f"{number}.md").write_text(f"# Number {number}\n\nText.\n")
    assert files(await run_import(config, tmp_path)) == {"imported": 60}
    assert sqlite_database.read_now(count, Change) - before < 30


def test_a_refused_post_does_not_affect_others_in_the_same_transaction(database: Database) -> None:
    first, second, third = (
        post_from(file, address) for file, address in (("1", "/a"), ("2", "/a"), ("3", "/b"))
    )
    refusals = database.transact_now(import_posts.import_post, [first, second, third])
    assert [refusal and refusal.message for refusal in refusals] == [
        None,
        "The address %(path)s is already in use.",
        None,
    ]
    assert database.read_now(count, Post) == 2


def post_from(file: str, address: str) -> ImportedPost:
    return ImportedPost(
        kind="post",
        content={"title": address, "body": "Text.", "language": "en"},
        address=address,
        tags=["ink"],
        authors=["Ann"],
        date=None,
        fallback_date=now(),
        updated=None,
        uid="",
        source_path=file,
        source_hash="",
        rendered=render("Text."),
    )


async def test_a_changed_date_of_the_file_does_not_change_the_date_of_the_post(
    config: Config, sqlite_database: Database, old: Path
) -> None:
    await run_import(config, old / "plain")
    before = post_titled(sqlite_database, "The only heading").publish_at
    (old / "plain/bare.md").write_text("# The only heading\n\nChanged.\n")
    assert files(await run_import(config, old / "plain"))["updated"] == 1
    assert post_titled(sqlite_database, "The only heading").publish_at == before


async def test_a_feed_entry_id_is_kept(
    migrated: Config, database: Database, tmp_path: Path
) -> None:
    old = tmp_path / "ids"
    old.mkdir()
    for name in ("a", "b"):
        (old / f"{name}.md").write_text(
            f"---\ntitle: {name}\nguid: tag:old.example,2020:1\n---\nx\n"
        )
    await run_import(migrated, old)
    first, second = (post_titled(database, name).uid for name in ("a", "b"))
    assert "tag:old.example,2020:1" in (first, second) and first != second


async def test_an_invalid_pattern_or_folder_is_refused(
    config: Config, sqlite_database: Database, tmp_path: Path
) -> None:
    with pytest.raises(Refusal, match=":monht"):
        await importer.import_folder(config, SAMPLES / "plain", ImportOptions(permalink="/:monht/"))
    with pytest.raises(Refusal, match="is not a folder"):
        await importer.import_folder(config, tmp_path / "nowhere", ImportOptions())


@pytest.mark.parametrize(
    ("locale", "summary"),
    [
        (
            "C",
            "3 found = 2 imported + 0 updated + 0 unchanged + 0 kept as edited here + 1 not",
        ),
        ("zh_CN.UTF-8", "找到3 = 导入2 + 更新0 + 未变0 + 保留本站改动0 + 未导入1。"),
    ],
)
def test_the_command_prints_the_report_and_writes_it(
    config: Config,
    sqlite_database: Database,
    old: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
    summary: str,
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    arguments = argparse.Namespace(
        author=None,
        folder=old / "hexo",
        permalink=None,
        old_url=None,
        dry_run=False,
        force=False,
        report=tmp_path / "report.json",
    )
    assert importer.run(config, arguments) == 0
    output = capsys.readouterr().out
    assert summary in output
    assert "asset_img" in output
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["adds_up"] and written["files"]["imported"] == 2
    assert {loss["file"] for loss in written["losses"]} >= {"source/tags/index.md"}


def test_an_invalid_old_address_is_refused_before_anything_is_read(config, tmp_path):
    arguments = argparse.Namespace(folder=tmp_path, old_url="old.example")
    with pytest.raises(Refusal, match=r"old\.example"):
        importer.run(config, arguments)


def test_the_summary_is_printed_before_and_after_the_losses():
    report = ImportReport("old", found=1, drafts=1)
    assert report.text().count("Files: 1 found") == 1
    report.remarks.append(Remark("a.md", "lost", kind="picture"))
    lines = report.text().splitlines()
    assert lines.count(lines[0]) == 2 and lines[-1].startswith("Time taken")
    assert "Of these, drafts that readers cannot see: 1." in lines
