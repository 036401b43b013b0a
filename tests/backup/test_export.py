"""Tests of exporting the blog as plain files, and of importing an export without changes."""

import asyncio
import filecmp
import json
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from blog import importer
from blog.__main__ import main
from blog.backup import export, front_matter
from blog.config import Config, UserError
from blog.db import Database
from blog.importer.importer import ImportOptions
from blog.importer.source import post_reader
from blog.importer.source.front_matter import split
from blog.importer.source.post_reader import GeneratorDefaults
from blog.importer.source.scanner import TextFile
from blog.models.addresses import redirects
from blog.models.base import Base
from blog.models.comments.comment import Comment
from blog.models.jobs import outbox
from blog.models.posts import content
from blog.models.transfer.export import ExportedPost
from blog.server import startup
from tests.support import backup_blog, cast
from tests.support.app_client import AppClient
from tests.support.live_server import environment
from tests.support.real_blogs import CONTENT, needs_content

pytestmark = pytest.mark.slow


def fields_of(path: Path) -> dict[str, Any]:
    return split(path.read_bytes().decode()).fields


def body_of(path: Path) -> str:
    return split(path.read_bytes().decode()).body


# --- what is written -----------------------------------------------------------------------------


def test_every_post_is_exported_unchanged_and_with_its_state(kept_blog, tmp_path):
    report = export.write(kept_blog, tmp_path / "out")
    posts = tmp_path / "out" / "posts"
    assert body_of(posts / "hello-world.md") == body_of(
        backup_blog.SAMPLES / "jekyll/_posts/2020-01-02-hello-world.md"
    )
    assert "draft" not in fields_of(posts / "a-marmalade-morning.md")
    assert fields_of(posts / "a-quillwort-morning.md")["draft"] == "true"
    assert fields_of(posts / "a-umberlike-morning.md")["draft"] == "true"
    assert datetime.fromisoformat(
        fields_of(posts / "a-vermilion-morning.md")["date"]
    ) > datetime.now(UTC)
    assert fields_of(posts / "a-ultramarine-morning.md")["unlisted"] == "true"
    assert not (posts / "a-ochreous-morning.md").exists() and report.trashed == 1
    assert fields_of(tmp_path / "out/pages/about.md")["kind"] == "page"
    assert report.states["scheduled"] == 2 and report.states["withdrawn"] == 1


def test_working_copies_are_separate_from_public_posts(kept_blog, tmp_path):
    report = export.write(kept_blog, tmp_path / "out")
    public = (tmp_path / "out/posts/a-saffronly-morning.md").read_text()
    working_copy = (tmp_path / "out/_working/posts/a-saffronly-morning.md").read_text()
    assert cast.HALF_TYPED in working_copy and cast.HALF_TYPED not in public
    assert report.working_copies == 1


def test_unknown_front_matter_is_kept(kept_blog, tmp_path):
    export.write(kept_blog, tmp_path / "out")
    fields = fields_of(tmp_path / "out/posts/hello-world.md")
    assert fields["catalog"] == "true" and fields["layout"] == "post"


def test_pictures_comments_addresses_and_people_are_exported_without_secrets(kept_blog, tmp_path):
    report = export.write(kept_blog, tmp_path / "out")
    out = tmp_path / "out"
    lists = {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}
    assert {path.name for path in out.glob("media/*/*")} == {
        path.name for path in kept_blog.media_dir.glob("*/*")
    }
    assert {(row["state"], row["body"]) for row in lists["comments"]} >= {
        ("approved", "I was there, too."),
        ("pending", "It waits."),
    }
    pending = next(row for row in lists["comments"] if row["body"] == "It waits.")
    assert pending["address"] == "/posts/a-marmalade-morning"
    answers = {row["answers"] for row in lists["comments"]} - {""}
    assert answers and answers < {row["id"] for row in lists["comments"]}
    targets = {row["address"]: row["leads_to"] for row in lists["addresses"]}
    assert targets["/posts/hello-world"] == "" and "/posts/hello-world" in targets.values()
    assert {row["name"] for row in lists["people"]} >= {"kim", "ann", "lee"}
    assert lists["site"]["title"] == cast.TITLE
    everything = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert b"argon2" not in everything
    assert (kept_blog.data_dir / "secret").read_bytes() not in everything
    assert report.lists["comments.json"] == len(lists["comments"])


def test_the_command_prints_what_it_exported(small_blog, tmp_path):
    command = [sys.executable, "-m", "blog", "export", str(tmp_path / "out")]
    completed = subprocess.run(
        command, env=environment(small_blog), capture_output=True, text=True, check=True
    )
    assert "10 posts, 1 pages" in completed.stdout
    assert "Live 6, scheduled 2, drafts 2, unpublished 1" in completed.stdout
    assert "trash" in completed.stdout


@pytest.mark.parametrize("words", [["import", ""], ["export", ""], ["restore", ""], ["backup", ""]])
def test_an_empty_path_is_not_the_current_folder(words, tmp_path, monkeypatch, capsys):
    """An unset variable in a script gives an empty argument."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLOG_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "the path is empty" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# --- whole or not there --------------------------------------------------------------------------


def test_a_folder_that_is_not_empty_is_refused(small_blog, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match="not empty"):
        export.write(small_blog, tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_an_empty_folder_is_accepted(small_blog, tmp_path):
    (tmp_path / "out").mkdir()
    assert export.write(small_blog, tmp_path / "out").kinds["page"] == 1
    assert (tmp_path / "out" / "pages" / "about.md").is_file()


def test_a_full_disk_leaves_no_incomplete_folder(small_blog, tmp_path):
    startup.prepare(small_blog)
    (tmp_path / "parent").mkdir()
    completed = subprocess.run(
        [sys.executable, "-m", "blog", "export", str(tmp_path / "parent" / "out")],
        env=environment(small_blog),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)),
    )
    assert completed.returncode == 1 and len(completed.stderr.strip().splitlines()) == 1, (
        completed.stderr
    )
    assert list((tmp_path / "parent").iterdir()) == []


# --- and back ------------------------------------------------------------------------------------


def import_export(config: Config, folder: Path, data: Path) -> Config:
    """Create a new blog and import an export into it."""
    there = replace(config, data_dir=data, database_url="")
    startup.prepare(there)
    report = asyncio.run(importer.import_folder(there, folder, ImportOptions()))
    assert not report.files["failed"] and report.adds_up
    return there


def count(config: Config, table: type[Base]) -> int:
    database = Database(config)
    try:
        rows: int = database.read_now(lambda s: s.scalar(select(func.count()).select_from(table)))
        return rows
    finally:
        database.close()


def differing(first: Path, second: Path) -> list[str]:
    """Return the paths that are not identical below both folders."""
    names = {
        str(path.relative_to(top))
        for top in (first, second)
        for path in top.rglob("*")
        if path.is_file()
    }
    _, unequal, missing = filecmp.cmpfiles(first, second, names, shallow=False)
    return sorted([*unequal, *missing])


def test_import_export_import_changes_nothing(config, tmp_path):
    startup.prepare(config)
    for name in ("jekyll", "zola", "hugo", "hexo", "pelican"):
        asyncio.run(
            importer.import_folder(
                config, backup_blog.SAMPLES / name, ImportOptions(author="Lee Byline")
            )
        )
    export.write(config, tmp_path / "first")
    there = import_export(config, tmp_path / "first", tmp_path / "there")
    export.write(there, tmp_path / "second")
    assert differing(tmp_path / "first", tmp_path / "second") == []


def test_addresses_states_and_dates_of_posts_survive_an_export(kept_blog, tmp_path):
    export.write(kept_blog, tmp_path / "first")
    there = import_export(kept_blog, tmp_path / "first", tmp_path / "there")
    export.write(there, tmp_path / "second")
    not_imported = {"people.json", "site.json"}  # accounts and settings are not imported
    changed = set(differing(tmp_path / "first", tmp_path / "second")) - not_imported
    assert {name for name in changed if not name.startswith("_working/")} == set()


def test_comments_and_redirects_are_imported_once_with_their_replies(kept_blog, tmp_path):
    database = Database(kept_blog)
    database.transact_now(redirects.add, path="/an-old-page", to="https://example.com/x", by=None)
    database.close()
    export.write(kept_blog, tmp_path / "out")
    there = import_export(kept_blog, tmp_path / "out", tmp_path / "there")
    again = asyncio.run(importer.import_folder(there, tmp_path / "out", ImportOptions()))
    assert again.list_rows.total() == 0
    with AppClient(there) as client:
        assert client.get("/an-old-page").header("location") == "https://example.com/x"
        page = client.get("/posts/a-marmalade-morning").text
        assert "I was there, too." in page and "It waits." not in page
    assert count(there, outbox.Delivery) == 0  # no notifications


def test_an_unpublished_post_stays_unpublished_and_keeps_its_address(kept_blog, tmp_path):
    export.write(kept_blog, tmp_path / "out")
    path = tmp_path / "out/posts/a-umberlike-morning.md"
    assert (fields_of(path)["draft"], fields_of(path)["withdrawn"]) == ("true", "true")
    there = import_export(kept_blog, tmp_path / "out", tmp_path / "there")
    with AppClient(there) as client:
        assert client.get(fields_of(path)["url"]).status == 404
    assert export.write(there, tmp_path / "second").states["withdrawn"] == 1


@pytest.mark.parametrize(
    "row",
    [
        {"post": "urn:uuid:of-nobody"},
        {"state": "of-the-art"},
        {"written": "yesterday"},
        {"body": 7},
        {"id": ""},
    ],
)
def test_an_invalid_comment_is_skipped_and_the_others_are_imported(small_blog, tmp_path, row):
    export.write(small_blog, tmp_path / "out")
    path = tmp_path / "out" / "comments.json"
    post = fields_of(tmp_path / "out/posts/a-marmalade-morning.md")["guid"]
    whole = dict.fromkeys(("answers", "person", "email", "decided"), "")
    whole |= {"id": "one", "post": post, "name": "Bo", "state": "approved", "language": "en"}
    whole |= {"written": "2026-01-02T03:04:05+00:00", "body": "I was there."}
    path.write_text(json.dumps([{**whole, "id": "two", **row}, whole, "nonsense"]))
    there = import_export(small_blog, tmp_path / "out", tmp_path / "there")
    assert count(there, Comment) == 1


def test_an_export_is_private(small_blog, tmp_path):
    export.write(small_blog, tmp_path / "out")
    modes = {
        p.name: p.stat().st_mode & 0o777 for p in [tmp_path / "out", *tmp_path.glob("out/*.json")]
    }
    assert modes.pop("out") == 0o700
    assert set(modes.values()) == {0o600}


def test_public_pages_are_identical_after_an_import(config, tmp_path):
    startup.prepare(config)
    asyncio.run(
        importer.import_folder(
            config, backup_blog.SAMPLES / "jekyll", ImportOptions(author="Lee Byline")
        )
    )
    export.write(config, tmp_path / "first")
    there = import_export(config, tmp_path / "first", tmp_path / "there")
    before, after = without_ids(backup_blog.seen(config)), without_ids(backup_blog.seen(there))
    assert after.keys() == before.keys() and len(before) > 20
    different = [path for path in before if before[path] != after[path]]
    # The feed of each blog has its own id.
    assert [path for path in different if "feed" not in path] == []


def test_importing_an_export_into_the_same_blog_changes_nothing(kept_blog, tmp_path):
    report = export.write(kept_blog, tmp_path / "out")
    again = asyncio.run(importer.import_folder(kept_blog, tmp_path / "out", ImportOptions()))
    assert +again.files == {"unchanged": sum(report.kinds.values())}
    assert again.adds_up
    export.write(kept_blog, tmp_path / "second")
    assert differing(tmp_path / "out", tmp_path / "second") == []


def test_an_edited_file_of_an_export_creates_a_revision(kept_blog, tmp_path):
    """Edits of a post written here are only imported with `--force`."""
    export.write(kept_blog, tmp_path / "out")
    for name in ("hello-world", "a-marmalade-morning"):
        with (tmp_path / "out" / "posts" / f"{name}.md").open("a") as file:
            file.write("\nOne line more.\n")
    first = asyncio.run(importer.import_folder(kept_blog, tmp_path / "out", ImportOptions()))
    assert (first.files["updated"], first.files["left"], first.files["imported"]) == (1, 1, 0)
    second = asyncio.run(
        importer.import_folder(kept_blog, tmp_path / "out", ImportOptions(force=True))
    )
    assert (second.files["updated"], second.files["imported"]) == (1, 0)
    export.write(kept_blog, tmp_path / "after")
    changed = differing(tmp_path / "out", tmp_path / "after")
    assert not [
        name for name in changed if "One line more" not in (tmp_path / "after" / name).read_text()
    ]


def without_ids(pages: dict[str, tuple[int, str, bytes]]) -> dict[str, bytes]:
    """Replace the ids of comments in addresses, which differ between the blogs."""
    number = re.compile(rb"/comments/\d+")
    return {
        number.sub(b"/comments/n", path.encode()).decode(): number.sub(b"/comments/n", page[2])
        for path, page in pages.items()
    }


# --- one file ------------------------------------------------------------------------------------

TEXT = {
    **dict.fromkeys(content.REVISED, ""),
    **{"title": "T", "slug": "t", "body": "Text\n", "language": "en"},
    **{"is_listed": True, "takes_comments": True},
}
POST = ExportedPost(
    uid="urn:uuid:1",
    kind="post",
    state="live",
    text=TEXT,
    working_copy=None,
    tags=[],
    authors=[],
    path="/posts/t",
    old_paths=[],
    publish_at=datetime(2020, 1, 2, tzinfo=UTC),
    as_of=None,
    links={},
    extra={},
)
LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp"))).map(
    lambda line: " ".join(line.split())
)
VALUE = st.recursive(
    LINE.filter(bool),
    lambda inner: (
        st.lists(inner, min_size=1) | st.dictionaries(LINE.filter(bool), inner, min_size=1)
    ),
    max_leaves=6,
)


@given(
    title=LINE, summary=LINE, body=st.text(st.characters(codec="utf-8", exclude_characters="\0"))
)
def test_any_text_survives_an_export(title, summary, body):
    text = {**TEXT, "title": title, "summary": summary, "body": body}
    result = split(front_matter.file_of(replace(POST, text=text)).decode())
    assert result.body == body
    assert (result.fields.get("title", ""), result.fields.get("summary", "")) == (title, summary)
    assert not result.fault


@pytest.mark.parametrize("key", ["subtitle", "Subtitle", "sub-title", "Sub_Title"])
def test_a_field_that_was_kept_before_it_existed_survives_two_exports(tmp_path, key):
    first = front_matter.file_of(replace(POST, extra={"layout": "post", key: "Of paper"})).decode()
    assert "subtitle: Of paper\n" in first
    read = post_reader.read_post(
        TextFile(tmp_path / "a.md", "a.md"), first, "", GeneratorDefaults()
    )
    second = replace(POST, text={**TEXT, **read.content}, extra=read.extra)
    assert front_matter.file_of(second).decode() == first


@given(extra=st.dictionaries(st.from_regex(r"\Ax[a-z-]{1,9}\Z"), VALUE, max_size=5))
def test_any_unknown_front_matter_survives_an_export(extra):
    result = split(front_matter.file_of(replace(POST, extra=extra)).decode())
    assert {name: result.fields[name] for name in extra} == extra


@pytest.mark.parametrize("path", ["/posts/你好", "/a b", "/50%", "/a:title", "/x/y/"])
def test_any_address_survives_an_export(config, tmp_path, path):
    folder = tmp_path / "old"
    folder.mkdir()
    raw = front_matter.file_of(replace(POST, path=path))
    (folder / "one.md").write_bytes(raw)
    there = import_export(config, folder, tmp_path / "there")
    export.write(there, tmp_path / "out")
    files = list((tmp_path / "out" / "posts").iterdir())
    assert fields_of(files[0])["url"] == fields_of(folder / "one.md")["url"]


# --- real blogs ----------------------------------------------------------------------------------


@pytest.mark.slow
@needs_content
def test_real_blogs_survive_an_export(config, tmp_path, imported_blogs):
    imported_blogs.copy_to(config)
    export.write(config, tmp_path / "first")
    there = import_export(config, tmp_path / "first", tmp_path / "there")
    export.write(there, tmp_path / "second")
    assert differing(tmp_path / "first", tmp_path / "second") == []
    assert bodies(tmp_path / "first") >= old_bodies(CONTENT, config)
    shutil.rmtree(tmp_path / "there")


def bodies(folder: Path) -> set[str]:
    return {body_of(path) for path in folder.rglob("*.md")}


def old_bodies(folder: Path, config: Config) -> set[str]:
    """Return the text of every imported Markdown file; reStructuredText is converted instead."""
    from blog.models.posts.post import Post

    database = Database(config)
    sources = database.read_now(lambda s: s.scalars(select(Post.source_path)).all())
    database.close()
    bodies = {body_of(Path(source)) for source in sources if source and not source.endswith(".rst")}
    assert len(bodies) > 800 and all(Path(s).is_relative_to(folder.resolve()) for s in sources if s)
    return bodies
