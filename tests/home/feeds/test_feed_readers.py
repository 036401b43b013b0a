"""What feed readers get: feedparser reads Atom and RSS, newsboat subscribes to a running blog.

Atom feeds are also checked against the schema of the format, and JSON feeds against the fields
that JSON Feed 1.1 defines.
"""

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree
from sqlalchemy.orm import Session

from blog.config import Config
from blog.markup import render
from blog.models.comments.comment import APPROVED, Comment
from blog.models.posts import editing, publishing
from blog.models.posts.post import POST, Post
from blog.models.settings import site as site_model
from blog.models.users.user import User
from tests.conftest import need
from tests.support import cast
from tests.support.app_client import AppClient, Furnished
from tests.support.live_server import Site, program
from tests.support.paths import TESTS

ATOM = "{http://www.w3.org/2005/Atom}"
SCHEMA = TESTS / "support" / "atom.rng"
FEEDS = ("", "/tags/q-a", "/authors/ann", "/comments/{id}")
ODD_TITLE = "“Quotes” & <script>alert('😀')</script> ]]> &amp; 青花瓷 \"x\""
ODD_SUMMARY = "1 < 2 & <img src=x onerror=alert(1)> ]]> 😀 摘要"
ODD_COVER = "/media/aa/cover.webp"
ODD_BODY = """\
A ]]> and `<b>&amp;</b>` and 😀 青花瓷.

[about](/about) [beside](beside.html) [above](../above) [below](#heading) [out](https://a.example/?b=1&c=2)

![picture](picture.png)

## Heading
"""
ODD_LINKS = (
    'href="http://ink.example/about"',
    'href="http://ink.example/posts/beside.html"',
    'href="http://ink.example/above"',
    'href="http://ink.example/posts/odd#u-heading"',
    'href="https://a.example/?b=1&amp;c=2"',
    'src="http://ink.example/posts/picture.png"',
    "A ]]&gt; and <code>&lt;b&gt;&amp;amp;&lt;/b&gt;</code> and 😀 青花瓷.",
)


@dataclass(frozen=True)
class ReadEntry:
    """An entry as a reader of one of the formats sees it."""

    id: str
    url: str
    title: str
    html: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    summary: str
    image: str
    published: datetime


@dataclass(frozen=True)
class OddPost:
    id: int
    uid: str


@pytest.fixture(scope="module")
def client(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    config = Config(data_dir=tmp_path_factory.mktemp("readers"), site_url=cast.ADDRESS)
    with AppClient(config, furnished) as client:
        yield client


@pytest.fixture(scope="module")
def odd(client: AppClient) -> OddPost:
    """A post, and a comment on it, with everything that is easily escaped wrongly."""
    return client.database.transact_now(publish_odd_post, by=client.cast.ann)


def publish_odd_post(session: Session, *, by: User) -> OddPost:
    id = editing.start(session, POST, "en", by=by)
    copy = editing.WorkingCopy(
        title=ODD_TITLE,
        slug="odd",
        summary=ODD_SUMMARY,
        body=ODD_BODY,
        tags="Q&A, “<b>”",
        cover=ODD_COVER,
    )
    editing.save(session, id, copy, by=by)
    post = session.get_one(Post, id)
    publishing.publish(session, id, render(ODD_BODY), post.version, by=by)
    for name in ("first", "second"):
        session.add(approved_comment(id, name))
    session.flush()
    return OddPost(id, post.uid)


def approved_comment(post_id: int, name: str) -> Comment:
    """Return a comment by a guest whose name is escaped wrongly as easily as a title."""
    rendered = render(ODD_BODY, trust="guest")
    return Comment(
        uid=f"{name}-odd",
        post_id=post_id,
        name=ODD_TITLE,
        email="",
        body=ODD_BODY,
        body_html=rendered.html,
        renderer=1,
        state=APPROVED,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        decided_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


# --- readers ---


def read_xml(body: bytes) -> tuple[str, list[ReadEntry]]:
    """Read a feed with feedparser, without its own clean-up; return the title and the entries."""
    feed = feedparser.parse(body, sanitize_html=False, resolve_relative_uris=False)
    assert not feed.bozo, feed.get("bozo_exception")
    entries = [
        ReadEntry(
            id=entry.id,
            url=entry.link,
            title=entry.title,
            html=entry.content[0].value,
            authors=tuple(author.name for author in entry.authors),
            tags=tuple(tag.label or tag.term for tag in entry.get("tags", [])),
            summary=entry.summary,
            image=entry.get("media_content", [{"url": ""}])[0]["url"],
            published=datetime(*entry.published_parsed[:6], tzinfo=UTC),
        )
        for entry in feed.entries
    ]
    return feed.feed.title, entries


def read_json(body: bytes) -> tuple[str, list[ReadEntry]]:
    content = json.loads(body)
    entries = [
        ReadEntry(
            id=item["id"],
            url=item["url"],
            title=item["title"],
            html=item["content_html"],
            authors=tuple(author["name"] for author in item["authors"]),
            tags=tuple(item.get("tags", [])),
            summary=item.get("summary", ""),
            image=item.get("image", ""),
            published=datetime.fromisoformat(item["date_published"]),
        )
        for item in content["items"]
    ]
    return content["title"], entries


READERS: dict[str, Callable[[bytes], tuple[str, list[ReadEntry]]]] = {
    "feed.atom": read_xml,
    "rss.xml": read_xml,
    "feed.json": read_json,
}


def read(client: AppClient, odd: OddPost, feed: str, file: str) -> tuple[str, list[ReadEntry]]:
    answer = client.get(f"{feed.format(id=odd.id)}/{file}")
    assert answer.status == 200
    return READERS[file](answer.body)


# --- every format says the same ---


@pytest.mark.parametrize("feed", FEEDS[:3])
@pytest.mark.parametrize("file", READERS)
def test_a_post_arrives_as_it_was_published(
    client: AppClient, odd: OddPost, feed: str, file: str
) -> None:
    _, entries = read(client, odd, feed, file)
    entry = next(entry for entry in entries if entry.id == odd.uid)
    assert entry.url == f"{cast.ADDRESS}/posts/odd"
    assert entry.title == ODD_TITLE
    assert entry.authors == ("Ann Archer",)
    assert entry.tags == ("Q&A", "“<b>”")
    assert entry.image == cast.ADDRESS + ODD_COVER
    assert [part for part in ODD_LINKS if part not in entry.html] == []


@pytest.mark.parametrize("file", READERS)
def test_a_summary_is_text_that_no_reader_takes_for_html(
    client: AppClient, odd: OddPost, file: str
) -> None:
    _, entries = read(client, odd, "", file)
    summary = next(entry.summary for entry in entries if entry.id == odd.uid)
    as_html = "1 &lt; 2 &amp; &lt;img src=x onerror=alert(1)&gt; ]]&gt; 😀 摘要"
    # In RSS a description is HTML; in the other formats a summary is plain text.
    assert summary == (as_html if file == "rss.xml" else ODD_SUMMARY)


def test_the_description_of_a_feed_is_text_in_every_format(client: AppClient) -> None:
    """RSS allows HTML in the descriptions of its items, but not in that of the channel."""
    tagline = "Tea & <b>ink</b> &amp; 青花瓷"

    def set_tagline(session: Session) -> None:
        session.get_one(site_model.Site, site_model.SITE_ID).tagline = tagline

    client.database.transact_now(set_tagline)
    assert etree.fromstring(client.get("/rss.xml").body).findtext("*/description") == tagline
    assert etree.fromstring(client.get("/feed.atom").body).findtext(ATOM + "subtitle") == tagline
    assert json.loads(client.get("/feed.json").body)["description"] == tagline


@pytest.mark.parametrize("file", READERS)
def test_a_comment_arrives_as_it_was_written(client: AppClient, odd: OddPost, file: str) -> None:
    title, entries = read(client, odd, "/comments/{id}", file)
    assert title == f"Comments on “{ODD_TITLE}”"
    assert {entry.url for entry in entries} == {
        f"{cast.ADDRESS}/posts/odd#comment-{name}-odd" for name in ("first", "second")
    }
    for entry in entries:
        assert (entry.title, entry.authors) == (ODD_TITLE, (ODD_TITLE,))
        assert 'href="http://ink.example/about"' in entry.html
        assert 'href="http://ink.example/above"' in entry.html


@pytest.mark.parametrize("feed", FEEDS)
def test_all_formats_of_a_feed_have_the_same_entries(
    client: AppClient, odd: OddPost, feed: str
) -> None:
    first, *others = [
        [
            (entry.id, entry.url, entry.title, entry.html.strip(), entry.tags, entry.published)
            for entry in read(client, odd, feed, file)[1]
        ]
        for file in READERS
    ]
    assert first and all(other == first for other in others)


# --- what each format requires ---


@pytest.mark.parametrize("feed", FEEDS)
def test_an_atom_feed_is_valid(client: AppClient, odd: OddPost, feed: str) -> None:
    tree = etree.fromstring(client.get(f"{feed.format(id=odd.id)}/feed.atom").body)
    schema = etree.RelaxNG(file=SCHEMA)
    assert schema.validate(tree), schema.error_log
    # The rules that RFC 4287 adds in Schematron.
    assert tree.findall(ATOM + "author")
    for entry in tree.findall(ATOM + "entry"):
        assert [link for link in entry.findall(ATOM + "link") if link.get("rel") == "alternate"]


def test_the_schema_rejects_what_atom_does_not_allow(client: AppClient, odd: OddPost) -> None:
    schema = etree.RelaxNG(file=SCHEMA)
    for path, text in (("updated", "yesterday"), ("entry", ""), ("entry/link", None)):
        tree = etree.fromstring(client.get("/feed.atom").body)
        element = tree.find("/".join(ATOM + name for name in path.split("/")))
        if text is None:
            del element.attrib["href"]
        else:
            for child in element:
                element.remove(child)
            element.text = text
        assert not schema.validate(tree), path


@pytest.mark.parametrize("feed", FEEDS)
def test_an_rss_feed_has_what_rss_requires(client: AppClient, odd: OddPost, feed: str) -> None:
    rss = etree.fromstring(client.get(f"{feed.format(id=odd.id)}/rss.xml").body)
    assert (rss.tag, rss.get("version")) == ("rss", "2.0")
    (channel,) = rss
    for name in ("title", "link", "description", "language", "lastBuildDate"):
        assert channel.findtext(name), name
    assert parsedate_to_datetime(channel.findtext("lastBuildDate")).tzinfo == UTC
    for item in channel.findall("item"):
        assert item.find("guid").get("isPermaLink") == "false"
        assert parsedate_to_datetime(item.findtext("pubDate")).tzinfo == UTC
        assert item.findtext("link").startswith(cast.ADDRESS)
        assert item.findtext("description")


@pytest.mark.parametrize("feed", FEEDS)
def test_a_json_feed_has_the_fields_of_json_feed(
    client: AppClient, odd: OddPost, feed: str
) -> None:
    content = json.loads(client.get(f"{feed.format(id=odd.id)}/feed.json").body)
    assert content["version"] == "https://jsonfeed.org/version/1.1"
    fields = {"title": str, "home_page_url": str, "feed_url": str, "language": str, "items": list}
    check_fields(content, fields, {"description": str, "next_url": str, "authors": list})
    for item in content["items"]:
        fields = {"id": str, "url": str, "title": str, "content_html": str, "authors": list}
        fields |= {"date_published": str, "date_modified": str}
        check_fields(item, fields, {"summary": str, "image": str, "tags": list, "language": str})
        assert datetime.fromisoformat(item["date_published"]).tzinfo
        assert all(author["name"] for author in item["authors"])


def check_fields(
    object: dict[str, Any], required: dict[str, type], optional: dict[str, type]
) -> None:
    """Check that an object has all required fields and no unknown ones, with the right types."""
    known = {"version": str, **required, **optional}
    assert required.keys() <= object.keys() <= known.keys()
    assert [name for name, value in object.items() if not isinstance(value, known[name])] == []


# --- newsboat and a running blog ---


def newsboat(folder: Path, url: str) -> dict[str, tuple[str, str, str]]:
    """Subscribe to a feed with newsboat; return the title, author and text of entries by URL."""
    folder.mkdir()
    (folder / "urls").write_text(f"{url}\n")
    (folder / "config").touch()
    files = ["-C", folder / "config", "-u", folder / "urls", "-c", folder / "cache.db"]
    done = subprocess.run(
        ["newsboat", *files, "-x", "reload"],
        env={"HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    database = sqlite3.connect(folder / "cache.db")
    rows = database.execute("SELECT url, title, author, content FROM rss_item").fetchall()
    database.close()
    return {url: (title, author, content) for url, title, author, content in rows}


@pytest.mark.server
def test_newsboat_shows_the_whole_posts_of_every_feed(site: Site, tmp_path: Path) -> None:
    need("newsboat", program("newsboat"))
    live = site.cast.ann_live
    feeds = ["", "/tags/marmalade", "/authors/ann", f"/comments/{live.id}"]
    for number, feed in enumerate(feeds):
        entries = [
            newsboat(tmp_path / f"{number}-{file}", f"{site.url}{feed}/{file}")
            for file in ("feed.atom", "rss.xml")
        ]
        assert entries[0] == entries[1]
        if feed.startswith("/comments/"):
            url = f"{site.url}{live.path}#comment-rita-said"
            assert entries[0][url][:2] == ("Rita", "Rita")
            assert "A <em>lovely</em> spoonful." in entries[0][url][2]
        else:
            title, author, text = entries[0][f"{site.url}{live.path}"]
            assert (title, author) == (live.title, "Ann Archer")
            assert "Everything about the marmalade." in text
