"""Feeds: their addresses, pages and ids, and what an Atom feed holds."""

import json
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from sqlalchemy.orm import Session

from blog.config import Config
from blog.markup import render
from blog.models.addresses.address import Address
from blog.models.comments import submission
from blog.models.posts import editing, publishing
from blog.models.posts.post import Post
from blog.models.public import page_queries
from blog.models.settings import site
from blog.models.users.user import User
from tests.support import cast
from tests.support.app_client import AppClient, Furnished
from tests.support.cast import Cast

ATOM = "{http://www.w3.org/2005/Atom}"
# Where other software has its feed, and the address of ours in the format that is expected there.
OLD = {
    "/feed": "/rss.xml",
    "/feed/": "/rss.xml",
    "/rss": "/rss.xml",
    "/index.xml": "/rss.xml",
    "/atom.xml": "/feed.atom",
    "/feed.xml": "/feed.atom",
}
FILES = ("feed.atom", "rss.xml", "feed.json")


@pytest.fixture(scope="module")
def client(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    config = Config(data_dir=tmp_path_factory.mktemp("feeds"), site_url=cast.ADDRESS)
    with AppClient(config, furnished) as client:
        yield client


@pytest.fixture(scope="module")
def world(client: AppClient) -> Cast:
    return client.cast


def feed_of(client: AppClient, path: str = "/feed.atom", **how: str) -> ElementTree.Element:
    answer = client.get(path, **how)
    assert answer.status == 200
    assert answer.header("content-type") == "application/atom+xml; charset=utf-8"
    return ElementTree.fromstring(answer.body)  # noqa: S314 -- our own


def links_of(feed: ElementTree.Element) -> dict[str, str]:
    """Return the addresses that a feed links to, by their relation."""
    links = feed.findall(ATOM + "link")
    return {str(link.get("rel")): str(link.get("href")) for link in links}


def entry_of(client: AppClient, id: str) -> ElementTree.Element:
    entries = feed_of(client).findall(ATOM + "entry")
    return next(entry for entry in entries if entry.findtext(ATOM + "id") == id)


def uid_of(client: AppClient, id: int) -> str:
    return client.database.read_now(lambda session: session.get_one(Post, id).uid)


def test_the_feed_has_the_elements_that_atom_requires(client: AppClient, world: Cast) -> None:
    feed = feed_of(client)
    assert links_of(feed) == {"self": f"{cast.ADDRESS}/feed.atom", "alternate": f"{cast.ADDRESS}/"}
    assert feed.findtext(ATOM + "title") == cast.TITLE
    assert str(feed.findtext(ATOM + "id")).startswith("urn:uuid:")
    entries = feed.findall(ATOM + "entry")
    assert len(entries) == 4
    for entry in entries:
        for name in ("id", "title", "updated", "published", "content", "author/" + ATOM + "name"):
            assert entry.findtext(ATOM + name), (name, entry)
    moments = [str(entry.findtext(ATOM + "published")) for entry in entries]
    assert moments == sorted(moments, reverse=True)


def test_an_entry_holds_the_whole_post_in_its_language(client: AppClient, world: Cast) -> None:
    entry = entry_of(client, uid_of(client, world.bob_zh.id))
    content = entry.find(ATOM + "content")
    assert content is not None
    assert content.get("type") == "html"
    assert "<strong>重点。</strong>" in str(content.text)
    assert entry.get("{http://www.w3.org/XML/1998/namespace}lang") == "zh"


def test_an_entry_keeps_its_id_when_its_post_gets_a_new_address(
    client: AppClient, world: Cast
) -> None:
    uid = uid_of(client, world.ann_live.id)

    def rename(session: Session, *, by: User) -> None:
        post = session.get_one(Post, world.ann_live.id)
        copy = editing.WorkingCopy(
            title="Another name",
            slug="another-address",
            body=post.body,
            tags=post.tags,
            version=post.version,
        )
        editing.save(session, post.id, copy, by=by)
        publishing.publish(session, post.id, render(post.body), post.version, by=by)

    client.database.transact_now(rename, by=world.ann)
    entry = entry_of(client, uid)
    link = entry.find(ATOM + "link")
    assert entry.findtext(ATOM + "title") == "Another name"
    assert link is not None
    assert link.get("href") == f"{cast.ADDRESS}/posts/another-address"


def test_tags_and_authors_have_feeds_of_their_own(client: AppClient, world: Cast) -> None:
    by_tag = feed_of(client, "/tags/celadonic/feed.atom")
    by_author = feed_of(client, "/authors/bob/feed.atom")
    ids = {uid_of(client, post.id) for post in (world.bob_live, world.bob_zh)}
    assert [entry.findtext(ATOM + "title") for entry in by_tag.findall(ATOM + "entry")] == [
        world.bob_live.title
    ]
    assert {entry.findtext(ATOM + "id") for entry in by_author.findall(ATOM + "entry")} == ids
    feeds = (feed_of(client), by_tag, by_author)
    assert len({feed.findtext(ATOM + "id") for feed in feeds}) == 3


@pytest.mark.parametrize("path", ["/tags/quillwort/feed.atom", "/authors/lee/feed.atom"])
def test_a_tag_or_author_without_live_posts_has_no_feed(
    client: AppClient, world: Cast, path: str
) -> None:
    assert client.get(path).status == 404


@pytest.mark.parametrize("old", OLD)
def test_common_feed_addresses_answer_in_the_format_that_they_name(
    client: AppClient, old: str
) -> None:
    answer = client.get(old)
    if old.endswith("/"):
        assert answer.status == 301
        answer = client.get(answer.header("location"))
    feed = client.get(OLD[old])
    assert (answer.status, answer.text) == (200, feed.text)
    assert answer.header("content-type") == feed.header("content-type")


@pytest.mark.parametrize(
    ("path", "feeds"),
    [
        ("/", ("",)),
        ("/tags/marmalade", ("", "/tags/marmalade")),
        ("/authors/ann", ("", "/authors/ann")),
        ("{post}", ("", "/comments/{id}")),
    ],
)
def test_a_page_names_its_feeds_in_every_format(
    client: AppClient, world: Cast, path: str, feeds: tuple[str, ...]
) -> None:
    names = {"post": world.bob_zh.path, "id": world.bob_zh.id}
    html = client.get(path.format(**names)).text
    links = re.findall(r'<link rel="alternate" type="([^"]+)" title="[^"]+" href="([^"]+)">', html)
    assert [address for _, address in links] == [
        f"{feed.format(**names)}/{file}" for feed in feeds for file in FILES
    ]
    for content_type, address in links:
        answer = client.get(address)
        assert (answer.status, answer.header("content-type")) == (
            200,
            f"{content_type}; charset=utf-8",
        )


@pytest.mark.parametrize("file", FILES)
def test_a_tag_that_was_renamed_redirects_to_its_feed_in_the_same_format(
    client: AppClient, world: Cast, file: str
) -> None:
    answer = client.get(f"/tags/Python/{file}/page/3")
    assert (answer.status, answer.header("location")) == (301, f"/tags/python/{file}/page/3")


def test_a_page_that_an_earlier_release_published_at_an_address_of_a_feed_keeps_it(
    client: AppClient, world: Cast
) -> None:
    """Since 0.5.0 the addresses are reserved, so no other post can get one."""

    def move(session: Session, path: str, *, by: User) -> None:
        known = session.get_one(Address, session.get_one(Post, world.about.id).address_id)
        known.path, known.key = path, path

    client.database.transact_now(move, "/rss.xml", by=world.eve)
    assert ">About</h1>" in client.get("/rss.xml").text
    assert "/rss.xml" in client.get("/sitemap.xml").text
    assert client.get("/feed.json").header("content-type").startswith("application/feed+json")
    client.database.transact_now(move, "/about", by=world.eve)
    assert client.get("/rss.xml").header("content-type").startswith("application/rss+xml")


# --- pages (RFC 5005) ---


@pytest.fixture
def short_pages(client: AppClient, world: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets a page of a feed hold one post or one comment."""
    monkeypatch.setattr(page_queries, "IN_FEED", 1)
    monkeypatch.setattr(submission, "IN_FEED", 1)
    client.database.transact_now(touch, by=world.ann)
    yield
    monkeypatch.undo()
    client.database.transact_now(touch, by=world.ann)


@pytest.mark.parametrize("place", ["", "/tags/python", "/authors/ann", "/comments/{id}"])
def test_every_entry_is_on_one_of_the_pages(
    client: AppClient, world: Cast, short_pages: None, place: str
) -> None:
    start = f"{place.format(id=world.ann_live.id)}/feed.atom"
    page, ids, addresses = cast.ADDRESS + start, [], []
    while page:
        addresses.append(page)
        feed = feed_of(client, page.removeprefix(cast.ADDRESS))
        ids += [entry.findtext(ATOM + "id") for entry in feed.findall(ATOM + "entry")]
        links = links_of(feed)
        assert links["self"] == page and links["first"] == cast.ADDRESS + start
        assert links.get("previous") == (addresses[-2] if len(addresses) > 1 else None)
        page = links.get("next", "")
    assert links["last"] == addresses[-1]
    assert addresses == [
        f"{cast.ADDRESS}{start}{f'/page/{number}' if number > 1 else ''}"
        for number in range(1, len(ids) + 1)
    ]
    assert len(set(ids)) == len(ids) >= 2


def test_pages_of_a_feed_are_linked_in_every_format(
    client: AppClient, world: Cast, short_pages: None
) -> None:
    rss = ElementTree.fromstring(client.get("/rss.xml/page/2").body)  # noqa: S314 -- our own
    links = {link.get("rel"): link.get("href") for link in rss.iter(ATOM + "link")}
    assert links["previous"] == links["first"] == f"{cast.ADDRESS}/rss.xml"
    assert links["self"] == f"{cast.ADDRESS}/rss.xml/page/2"
    assert links["next"] == f"{cast.ADDRESS}/rss.xml/page/3"
    content = json.loads(client.get("/feed.json/page/2").body)
    assert content["feed_url"] == f"{cast.ADDRESS}/feed.json"
    assert content["next_url"] == f"{cast.ADDRESS}/feed.json/page/3"
    last = links["last"].rpartition("/")[2]
    assert "next_url" not in json.loads(client.get(f"/feed.json/page/{last}").body)


@pytest.mark.parametrize("place", ["", "/tags/python", "/authors/ann", "/comments/{id}"])
@pytest.mark.parametrize("file", FILES)
def test_a_page_that_does_not_exist_is_answered_with_404(
    client: AppClient, world: Cast, place: str, file: str
) -> None:
    feed = f"{place.format(id=world.ann_live.id)}/{file}"
    for number in ("0", "2", "02", "-1", "x", "99999", "999999", "%C2%B2"):
        assert client.get(f"{feed}/page/{number}").status == 404, number
    answer = client.get(f"{feed}/page/1")
    assert (answer.status, answer.header("location")) == (301, feed)


def touch(session: Session, *, by: User) -> None:
    """Change something that every feed shows, so that no cached one is served."""
    session.get_one(site.Site, site.SITE_ID).tagline += "!"


# --- answers ---


@pytest.mark.parametrize("path", ["/feed.atom", "/rss.xml", "/feed.json", "/sitemap.xml"])
def test_an_unchanged_feed_or_sitemap_is_answered_with_304(
    client: AppClient, world: Cast, path: str
) -> None:
    etag = client.get(path).header("etag")
    again = client.get(path, headers=[("If-None-Match", f'"other", W/{etag}')])
    assert (again.status, again.body, again.header("etag")) == (304, b"", etag)
    assert client.get(path, headers=[("If-None-Match", '"other"')]).status == 200


def test_links_use_the_configured_address_and_not_the_host_header(
    client: AppClient, world: Cast
) -> None:
    for path in ("/feed.atom", "/rss.xml", "/feed.json", "/sitemap.xml", "/robots.txt"):
        answer = client.get(
            path, host="evil.example", headers=[("X-Forwarded-Host", "evil.example")]
        )
        assert "evil.example" not in answer.text
        assert cast.ADDRESS in answer.text


def test_characters_that_xml_cannot_represent_are_removed(client: AppClient, world: Cast) -> None:
    def add_control_characters(session: Session, *, by: User) -> None:
        post = session.get_one(Post, world.bob_live.id)
        copy = editing.WorkingCopy(
            title="Bell \x07 and \ufffe <&>",
            slug=post.slug,
            body="Body \x0c\x1b text.",
            tags=post.tags,
            version=post.version,
        )
        editing.save(session, post.id, copy, by=by)
        publishing.publish(session, post.id, render(copy.text("body")), post.version, by=by)

    client.database.transact_now(add_control_characters, by=world.bob)
    entry = entry_of(client, uid_of(client, world.bob_live.id))
    assert str(entry.findtext(ATOM + "title")).split() == ["Bell", "and", "<&>"]
