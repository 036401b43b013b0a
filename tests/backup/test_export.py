"""The blog written out as plain files: whole or not there, and taken back without a change."""

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
from blog.importer.source.front_matter import split
from blog.models.addresses import redirects
from blog.models.base import Base
from blog.models.comments.comment import Comment
from blog.models.jobs import outbox
from blog.models.transfer.export import ExportedPost, ExportedText
from blog.server import startup
from tests.support import backup_blog, cast
from tests.support.app_client import AppClient
from tests.support.live_server import environment
from tests.support.real_blogs import CONTENT, needs_content

pytestmark = pytest.mark.slow


def said(path: Path) -> dict[str, Any]:
    return split(path.read_bytes().decode()).fields


def text(path: Path) -> str:
    return split(path.read_bytes().decode()).body


# --- what is written -----------------------------------------------------------------------------


def test_every_post_leaves_as_it_was_typed_and_with_its_state(kept_blog, tmp_path):
    receipt = export.write(kept_blog, tmp_path / "out")
    posts = tmp_path / "out" / "posts"
    assert text(posts / "hello-world.md") == text(
        backup_blog.SAMPLES / "jekyll/_posts/2020-01-02-hello-world.md"
    )
    assert "draft" not in said(posts / "a-marmalade-morning.md")
    assert said(posts / "a-quillwort-morning.md")["draft"] == "true"
    assert said(posts / "a-umberlike-morning.md")["draft"] == "true"
    assert datetime.fromisoformat(said(posts / "a-vermilion-morning.md")["date"]) > datetime.now(
        UTC
    )
    assert said(posts / "a-ultramarine-morning.md")["unlisted"] == "true"
    assert not (posts / "a-ochreous-morning.md").exists() and receipt.trashed == 1
    assert said(tmp_path / "out/pages/about.md")["kind"] == "page"
    assert receipt.states["scheduled"] == 2 and receipt.states["withdrawn"] == 1


def test_what_was_typed_since_lies_beside_and_not_in_what_readers_saw(kept_blog, tmp_path):
    receipt = export.write(kept_blog, tmp_path / "out")
    public = (tmp_path / "out/posts/a-saffronly-morning.md").read_text()
    since = (tmp_path / "out/_working/posts/a-saffronly-morning.md").read_text()
    assert cast.HALF_TYPED in since and cast.HALF_TYPED not in public
    assert receipt.since == 1


def test_front_matter_that_we_do_not_know_is_kept(kept_blog, tmp_path):
    export.write(kept_blog, tmp_path / "out")
    fields = said(tmp_path / "out/posts/hello-world.md")
    assert fields["catalog"] == "true" and fields["layout"] == "post"


def test_pictures_comments_addresses_and_people_come_along_and_no_secret(kept_blog, tmp_path):
    receipt = export.write(kept_blog, tmp_path / "out")
    out = tmp_path / "out"
    lists = {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}
    assert {path.name for path in out.glob("media/*/*")} == {
        path.name for path in kept_blog.media_dir.glob("*/*")
    }
    assert {(each["state"], each["body"]) for each in lists["comments"]} >= {
        ("approved", "I was there, too."),
        ("pending", "It waits."),
    }
    waiting = next(each for each in lists["comments"] if each["body"] == "It waits.")
    assert waiting["address"] == "/posts/a-marmalade-morning"
    answers = {each["answers"] for each in lists["comments"]} - {""}
    assert answers and answers < {each["id"] for each in lists["comments"]}
    leads = {each["address"]: each["leads_to"] for each in lists["addresses"]}
    assert leads["/posts/hello-world"] == "" and "/posts/hello-world" in leads.values()
    assert {each["name"] for each in lists["people"]} >= {"kim", "ann", "lee"}
    assert lists["site"]["title"] == cast.TITLE
    everything = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert b"argon2" not in everything
    assert (kept_blog.data_dir / "secret").read_bytes() not in everything
    assert receipt.lists["comments.json"] == len(lists["comments"])


def test_the_command_says_what_it_wrote(small_blog, tmp_path):
    words = [sys.executable, "-m", "blog", "export", str(tmp_path / "out")]
    done = subprocess.run(
        words, env=environment(small_blog), capture_output=True, text=True, check=True
    )
    assert "10 posts, 1 pages" in done.stdout
    assert "Public 6, scheduled 2, drafts 2, withdrawn 1" in done.stdout
    assert "trash" in done.stdout


@pytest.mark.parametrize("words", [["import", ""], ["export", ""], ["restore", ""], ["backup", ""]])
def test_an_empty_name_is_not_the_folder_that_one_stands_in(words, tmp_path, monkeypatch, capsys):
    """As an unset variable of a script leaves it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLOG_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "the path is empty" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# --- whole or not there --------------------------------------------------------------------------


def test_a_folder_that_holds_something_is_left_alone(small_blog, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match="not empty"):
        export.write(small_blog, tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_an_empty_folder_will_do(small_blog, tmp_path):
    (tmp_path / "out").mkdir()
    assert export.write(small_blog, tmp_path / "out").kinds["page"] == 1
    assert (tmp_path / "out" / "pages" / "about.md").is_file()


def test_a_full_disk_leaves_no_half_folder(small_blog, tmp_path):
    startup.prepare(small_blog)
    (tmp_path / "parent").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "blog", "export", str(tmp_path / "parent" / "out")],
        env=environment(small_blog),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)),
    )
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert list((tmp_path / "parent").iterdir()) == []


# --- and back ------------------------------------------------------------------------------------


def taken_back(config: Config, folder: Path, data: Path) -> Config:
    """A new blog that an export has moved into."""
    there = replace(config, data_dir=data, database_url="")
    startup.prepare(there)
    receipt = asyncio.run(importer.import_folder(there, folder, ImportOptions()))
    assert not receipt.files["failed"] and receipt.adds_up
    return there


def count(config: Config, table: type[Base]) -> int:
    database = Database(config)
    try:
        found: int = database.read_now(lambda s: s.scalar(select(func.count()).select_from(table)))
        return found
    finally:
        database.close()


def differing(one: Path, other: Path) -> list[str]:
    """Paths below `one` or `other` that are not in both, byte for byte."""
    names = {
        str(path.relative_to(top))
        for top in (one, other)
        for path in top.rglob("*")
        if path.is_file()
    }
    _, unequal, lacking = filecmp.cmpfiles(one, other, names, shallow=False)
    return sorted([*unequal, *lacking])


def test_import_export_import_changes_nothing(config, tmp_path):
    startup.prepare(config)
    for name in ("jekyll", "zola", "hugo", "hexo", "pelican"):
        asyncio.run(
            importer.import_folder(
                config, backup_blog.SAMPLES / name, ImportOptions(author="Lee Byline")
            )
        )
    export.write(config, tmp_path / "first")
    there = taken_back(config, tmp_path / "first", tmp_path / "there")
    export.write(there, tmp_path / "second")
    assert differing(tmp_path / "first", tmp_path / "second") == []


def test_what_was_written_here_comes_back_with_its_addresses_states_and_days(kept_blog, tmp_path):
    export.write(kept_blog, tmp_path / "first")
    there = taken_back(kept_blog, tmp_path / "first", tmp_path / "there")
    export.write(there, tmp_path / "second")
    of_other_rooms = {"people.json", "site.json"}  # who may sign in, and what the office chose
    changed = set(differing(tmp_path / "first", tmp_path / "second")) - of_other_rooms
    assert {name for name in changed if not name.startswith("_working/")} == set()


def test_comments_and_redirects_come_back_once_with_what_they_answer(kept_blog, tmp_path):
    database = Database(kept_blog)
    database.transact_now(redirects.add, path="/an-old-page", to="https://example.com/x")
    database.close()
    export.write(kept_blog, tmp_path / "out")
    there = taken_back(kept_blog, tmp_path / "out", tmp_path / "there")
    again = asyncio.run(importer.import_folder(there, tmp_path / "out", ImportOptions()))
    assert again.besides.total() == 0
    with AppClient(there) as client:
        assert client.get("/an-old-page").header("location") == "https://example.com/x"
        page = client.get("/posts/a-marmalade-morning").text
        assert "I was there, too." in page and "It waits." not in page
    assert count(there, outbox.Delivery) == 0  # nobody is told anew


def test_a_withdrawn_post_comes_back_withdrawn_under_its_address(kept_blog, tmp_path):
    export.write(kept_blog, tmp_path / "out")
    path = tmp_path / "out/posts/a-umberlike-morning.md"
    assert (said(path)["draft"], said(path)["withdrawn"]) == ("true", "true")
    there = taken_back(kept_blog, tmp_path / "out", tmp_path / "there")
    with AppClient(there) as client:
        assert client.get(said(path)["url"]).status == 404
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
def test_a_comment_that_makes_no_sense_stays_out_and_the_rest_comes(small_blog, tmp_path, row):
    export.write(small_blog, tmp_path / "out")
    path = tmp_path / "out" / "comments.json"
    post = said(tmp_path / "out/posts/a-marmalade-morning.md")["guid"]
    whole = dict.fromkeys(("answers", "person", "email", "decided"), "")
    whole |= {"id": "one", "post": post, "name": "Bo", "state": "approved", "language": "en"}
    whole |= {"written": "2026-01-02T03:04:05+00:00", "body": "I was there."}
    path.write_text(json.dumps([{**whole, "id": "two", **row}, whole, "nonsense"]))
    there = taken_back(small_blog, tmp_path / "out", tmp_path / "there")
    assert count(there, Comment) == 1


def test_what_is_written_out_is_its_owners_alone(small_blog, tmp_path):
    export.write(small_blog, tmp_path / "out")
    modes = {
        p.name: p.stat().st_mode & 0o777 for p in [tmp_path / "out", *tmp_path.glob("out/*.json")]
    }
    assert modes.pop("out") == 0o700
    assert set(modes.values()) == {0o600}


def test_readers_see_the_same_text_under_the_same_address(config, tmp_path):
    startup.prepare(config)
    asyncio.run(
        importer.import_folder(
            config, backup_blog.SAMPLES / "jekyll", ImportOptions(author="Lee Byline")
        )
    )
    export.write(config, tmp_path / "first")
    there = taken_back(config, tmp_path / "first", tmp_path / "there")
    before, after = numberless(backup_blog.seen(config)), numberless(backup_blog.seen(there))
    assert after.keys() == before.keys() and len(before) > 20
    unlike = [path for path in before if before[path] != after[path]]
    assert [path for path in unlike if "feed" not in path] == []  # each blog's feed has its own id


def test_taken_back_by_the_blog_that_wrote_it_nothing_changes(kept_blog, tmp_path):
    receipt = export.write(kept_blog, tmp_path / "out")
    again = asyncio.run(importer.import_folder(kept_blog, tmp_path / "out", ImportOptions()))
    assert +again.files == {"unchanged": sum(receipt.kinds.values())}
    assert again.adds_up
    export.write(kept_blog, tmp_path / "second")
    assert differing(tmp_path / "out", tmp_path / "second") == []


def test_a_file_that_was_edited_outside_becomes_a_revision(kept_blog, tmp_path):
    """What was written at the desk is taken only where the keeper says so."""
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


def numberless(pages: dict[str, tuple[int, str, bytes]]) -> dict[str, bytes]:
    """Rows bear other numbers there, which an address of comments may show."""
    number = re.compile(rb"/comments/\d+")
    return {
        number.sub(b"/comments/n", path.encode()).decode(): number.sub(b"/comments/n", page[2])
        for path, page in pages.items()
    }


# --- one file ------------------------------------------------------------------------------------

WORDS = ExportedText("T", "t", "", "Text\n", "en", "", is_listed=True, takes_comments=True)
POST = ExportedPost(
    uid="urn:uuid:1",
    kind="post",
    state="live",
    words=WORDS,
    since=None,
    tags=[],
    authors=[],
    path="/posts/t",
    leads=[],
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
def test_any_text_comes_back_to_the_byte(title, summary, body):
    words = replace(WORDS, title=title, summary=summary, body=body)
    found = split(front_matter.file_of(replace(POST, words=words)).decode())
    assert found.body == body
    assert (found.fields.get("title", ""), found.fields.get("summary", "")) == (title, summary)
    assert not found.fault


@given(extra=st.dictionaries(st.from_regex(r"\Ax[a-z-]{1,9}\Z"), VALUE, max_size=5))
def test_any_unknown_front_matter_comes_back(extra):
    found = split(front_matter.file_of(replace(POST, extra=extra)).decode())
    assert {name: found.fields[name] for name in extra} == extra


@pytest.mark.parametrize("path", ["/posts/你好", "/a b", "/50%", "/a:title", "/x/y/"])
def test_any_address_comes_back(config, tmp_path, path):
    folder = tmp_path / "old"
    folder.mkdir()
    raw = front_matter.file_of(replace(POST, path=path))
    (folder / "one.md").write_bytes(raw)
    there = taken_back(config, folder, tmp_path / "there")
    export.write(there, tmp_path / "out")
    files = list((tmp_path / "out" / "posts").iterdir())
    assert said(files[0])["url"] == said(folder / "one.md")["url"]


# --- real blogs ----------------------------------------------------------------------------------


@pytest.mark.slow
@needs_content
def test_real_blogs_come_back_to_the_byte(config, tmp_path, imported_blogs):
    imported_blogs.copy_to(config)
    export.write(config, tmp_path / "first")
    there = taken_back(config, tmp_path / "first", tmp_path / "there")
    export.write(there, tmp_path / "second")
    assert differing(tmp_path / "first", tmp_path / "second") == []
    assert bodies(tmp_path / "first") >= old_bodies(CONTENT, config)
    shutil.rmtree(tmp_path / "there")


def bodies(folder: Path) -> set[str]:
    return {text(path) for path in folder.rglob("*.md")}


def old_bodies(folder: Path, config: Config) -> set[str]:
    """Of every Markdown file that moved in, read by itself; reStructuredText became Markdown."""
    from blog.models.posts.post import Post

    database = Database(config)
    sources = database.read_now(lambda s: s.scalars(select(Post.source_path)).all())
    database.close()
    found = {text(Path(source)) for source in sources if source and not source.endswith(".rst")}
    assert len(found) > 800 and all(Path(s).is_relative_to(folder.resolve()) for s in sources if s)
    return found
