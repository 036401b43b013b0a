"""Feeds with stable ids, the sitemap, and robots.txt."""

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from sqlalchemy.orm import Session

from blog.config import Config
from blog.home.feeds import absolute_links
from blog.markup import render
from blog.models.posts import editing, publishing
from blog.models.posts.post import Post
from blog.models.public import archives
from blog.models.settings import site
from blog.models.users.user import User
from tests.support import cast
from tests.support.app_client import AppClient, Furnished
from tests.support.cast import Cast

ATOM = "{http://www.w3.org/2005/Atom}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"


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


def entry_of(client: AppClient, id: str) -> ElementTree.Element:
    entries = feed_of(client).findall(ATOM + "entry")
    return next(entry for entry in entries if entry.findtext(ATOM + "id") == id)


def uid_of(client: AppClient, id: int) -> str:
    return client.database.read_now(lambda session: session.get_one(Post, id).uid)


def test_the_feed_has_the_elements_that_atom_requires(client: AppClient, world: Cast) -> None:
    feed = feed_of(client)
    links = {link.get("rel"): link.get("href") for link in feed.findall(ATOM + "link")}
    assert links == {"self": f"{cast.ADDRESS}/feed.atom", "alternate": f"{cast.ADDRESS}/"}
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
    assert content.get(XML_BASE) == cast.ADDRESS + world.bob_zh.path
    assert entry.get("{http://www.w3.org/XML/1998/namespace}lang") == "zh"


def test_links_in_a_feed_are_absolute() -> None:
    html = (
        '<p><a href="/about">a</a> <img alt="" src="/media/aa/b.webp"> <a href="#fn1">1</a> '
        '<a href="//else.example/">b</a> <code>&lt;a href="/x"&gt;</code></p>'
    )
    assert absolute_links(html, "https://ink.example", "/posts/x") == (
        '<p><a href="https://ink.example/about">a</a> '
        '<img alt="" src="https://ink.example/media/aa/b.webp"> '
        '<a href="https://ink.example/posts/x#fn1">1</a> '
        '<a href="//else.example/">b</a> <code>&lt;a href="/x"&gt;</code></p>'
    )


def test_srcset_addresses_in_a_feed_are_absolute() -> None:
    html = '<img src="/media/a.jpg" srcset="/media/a-800.webp 800w, /media/a.jpg 1600w">, /x'
    assert absolute_links(html, "https://ink.example", "/posts/x") == (
        '<img src="https://ink.example/media/a.jpg" srcset="https://ink.example/media/a-800.webp'
        ' 800w, https://ink.example/media/a.jpg 1600w">, /x'
    )


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


@pytest.mark.parametrize("old", ["/feed", "/rss", "/atom.xml", "/feed.xml", "/index.xml", "/feed/"])
def test_common_feed_addresses_redirect_to_the_feed(
    client: AppClient, world: Cast, old: str
) -> None:
    path, hops = old, 0
    while (answer := client.get(path)).status == 301:
        path, hops = answer.header("location"), hops + 1
    assert (path, answer.status) == ("/feed.atom", 200)
    assert hops <= 2


@pytest.mark.parametrize("path", ["/feed.atom", "/sitemap.xml"])
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
    for path in ("/feed.atom", "/sitemap.xml", "/robots.txt"):
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


def test_the_sitemap_holds_every_listed_post_and_page(client: AppClient, world: Cast) -> None:
    tree = ElementTree.fromstring(client.get("/sitemap.xml").body)  # noqa: S314 -- our own
    places = [url.findtext(MAP + "loc") for url in tree]
    shown = ["/", world.about.path, world.ann_edited.path, world.bob_zh.path]
    assert {cast.ADDRESS + path for path in shown} <= set(places)
    assert cast.ADDRESS + world.ann_unlisted.path not in places
    assert all(url.findtext(MAP + "lastmod") for url in list(tree)[1:])


def test_the_sitemap_of_a_large_blog_is_an_index_of_parts(
    client: AppClient, world: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def places(path: str) -> list[str]:
        tree = ElementTree.fromstring(client.get(path).body)  # noqa: S314 -- our own
        return [str(url.findtext(MAP + "loc")).removeprefix(cast.ADDRESS) for url in tree]

    whole = places("/sitemap.xml")
    monkeypatch.setattr(archives, "IN_ONE_SITEMAP", 2)
    client.database.transact_now(touch, by=world.bob)
    parts = places("/sitemap.xml")
    assert parts == [f"/sitemap.xml/{number}" for number in range(len(parts))] and len(parts) > 2
    part_paths = [places(part) for part in parts]
    assert sorted(path for part in part_paths for path in part) == sorted(whole)
    assert [len(part) for part in part_paths[1:-1]] == [2] * len(part_paths[1:-1])
    assert part_paths[0] == ["/", world.about.path]
    assert client.database.read_now(archives.for_sitemap).places == []  # the index needs none
    for beyond in (len(parts), -1, 10**9):
        assert client.get(f"/sitemap.xml/{beyond}").status == 404


def touch(session: Session, *, by: User) -> None:
    session.get_one(site.Site, site.SITE_ID).tagline += "!"


def test_robots_txt_disallows_the_private_pages(client: AppClient, world: Cast) -> None:
    lines = client.get("/robots.txt").text.splitlines()
    assert {"Disallow: /admin/", "Disallow: /control-panel/", "Disallow: /preview/"} <= set(lines)
    assert f"Sitemap: {cast.ADDRESS}/sitemap.xml" in lines
