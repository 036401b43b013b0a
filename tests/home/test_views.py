"""The public pages: lists, posts, addresses, the archive, search, previews."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, unquote

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from blog.markup import render
from blog.models.addresses.address import Address
from blog.models.posts import editing, preview, publishing
from blog.models.posts.editing import WorkingCopy
from blog.models.posts.post import POST, Post
from blog.models.search import search as searching
from blog.models.settings import site
from blog.models.users.user import User
from tests.support import cast
from tests.support.app_client import AppClient
from tests.support.cast import Cast

PUBLIC = (
    "/",
    "/archive",
    "/tags",
    "/authors",
    "/archive/{year}",
    "/tags/python",
    "/authors/ann",
    "/search",
    "/search?q=marmalade",
    "/posts/a-marmalade-morning",
    "/about",
    "/no-such-page",
    "/sign-in",
)


@pytest.fixture
def world(client: AppClient) -> Cast:
    return client.cast


class Page(HTMLParser):
    """Parses a page into tags, as pairs of a name and its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def one(self, tag: str, **wanted: str) -> dict[str, str | None]:
        matching = [each for each in self.all(tag) if wanted.items() <= each.items()]
        assert len(matching) == 1, (tag, wanted, matching)
        return matching[0]

    def links(self) -> list[str]:
        return [str(each["href"]) for each in self.all("a")]


def page_of(client: AppClient, path: str, status: int = 200) -> Page:
    answer = client.get(path)
    assert answer.status == status, (path, answer.status, answer.text[:500])
    return Page(answer.text)


def year_of(world: Cast, client: AppClient) -> int:
    moment = client.database.read_now(lambda s: s.get_one(Post, world.ann_live.id).publish_at)
    return moment.year


# --- what every page owes its reader -------------------------------------------------------------


@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages_set_no_cookie_and_load_no_script_or_external_resource(
    client: AppClient, world: Cast, path: str
) -> None:
    answer = client.get(path.format(year=year_of(world, client)))
    page = Page(answer.text)
    assert answer.cookies == {}
    # JSON-LD is data, which browsers do not run.
    assert {each.get("type") for each in page.all("script")} <= {"application/ld+json"}
    assert not any("src" in each for each in page.all("script"))
    fetched = [each.get("src") for each in page.all("img")]
    fetched += [each["href"] for each in page.all("link") if each["rel"] in ("stylesheet", "icon")]
    assert all(str(address).startswith("/") for address in fetched)


@pytest.mark.parametrize("path", PUBLIC)
def test_every_page_has_one_h1_a_language_and_a_skip_link(
    client: AppClient, world: Cast, path: str
) -> None:
    page = Page(client.get(path.format(year=year_of(world, client))).text)
    assert len(page.all("h1")) == 1
    assert page.one("html")["lang"] == "en"
    assert page.one("a", **{"class": "skip"})["href"] == "#main"
    assert page.one("main")["id"] == "main"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_interface_uses_the_language_of_the_site(client: AppClient, world: Cast) -> None:
    def set_language(session: Session, language: str) -> None:
        session.get_one(site.Site, site.SITE_ID).language = language

    client.database.transact_now(set_language, "zh")
    try:
        page = page_of(client, "/posts/a-marmalade-morning")
    finally:
        client.database.transact_now(set_language, "en")
    assert page.one("html")["lang"] == "zh"
    assert page.one("article", **{"class": "post wrap h-entry"})["lang"] == "en"


# --- the front page ------------------------------------------------------------------------------


def test_the_front_page_lists_posts_newest_first_with_their_language(
    client: AppClient, world: Cast
) -> None:
    page = page_of(client, "/")
    posts = [link for link in page.links() if link.startswith("/posts/")]
    newest = [world.bob_zh, world.bob_live, world.ann_edited, world.ann_live]
    assert posts == [post.path for post in newest]
    assert [each["lang"] for each in page.all("article")] == ["zh", "en", "en", "en"]


def test_older_posts_are_on_further_pages(client: AppClient, world: Cast) -> None:
    def set_posts_per_page(session: Session, number: int) -> None:
        session.get_one(site.Site, site.SITE_ID).posts_per_page = number

    client.database.transact_now(set_posts_per_page, 3)
    try:
        first, second = page_of(client, "/"), page_of(client, "/page/2")
        assert "/page/2" in first.links()
        assert world.ann_live.path in second.links()
        assert "/" in second.links()
        assert client.get("/page/3").status == 404
    finally:
        client.database.transact_now(set_posts_per_page, 10)


def test_page_one_redirects_to_the_front_page(client: AppClient, world: Cast) -> None:
    answer = client.get("/page/1")
    assert (answer.status, answer.header("location")) == (301, "/")


@pytest.mark.parametrize(
    "number", ["0", "-1", "two", "01", "1e3", "99999999", "%32%00", "%EF%BC%91"]
)
def test_an_invalid_page_number_is_not_found(client: AppClient, world: Cast, number: str) -> None:
    assert client.get(f"/page/{number}").status == 404


# --- a post --------------------------------------------------------------------------------------


def test_a_post_has_metadata_for_link_previews(client: AppClient, world: Cast) -> None:
    page = page_of(client, world.ann_live.path)
    metadata = {
        each.get("property") or each.get("name"): each["content"]
        for each in page.all("meta")
        if "content" in each
    }
    address = cast.ADDRESS + world.ann_live.path
    assert page.one("link", rel="canonical")["href"] == address
    assert metadata["og:url"] == address
    assert metadata["og:title"] == world.ann_live.title
    assert metadata["og:type"] == "article"
    assert metadata["description"] == "What the marmalade was about."
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+Z", str(metadata["article:published_time"]))
    assert "robots" not in metadata


def test_a_post_links_to_its_neighbours_and_related_posts(client: AppClient, world: Cast) -> None:
    page = page_of(client, world.ann_edited.path)
    assert page.one("a", rel="prev")["href"] == world.ann_live.path
    assert page.one("a", rel="next")["href"] == world.bob_live.path
    assert page.links().count(world.ann_live.path) == 2  # as a neighbour and as a related post


def test_a_long_post_has_an_outline_beside_it(client: AppClient, world: Cast) -> None:
    body = "\n\n".join(f"## Part {number}\n\nWords." for number in range(4))
    path = publish(client, world, WorkingCopy(title="In four parts", body=body))
    page = page_of(client, path)
    ids = {attributes.get("id") for _, attributes in page.tags}
    anchors = [link[1:] for link in page.links() if link.startswith("#") and link != "#main"]
    # once folded for narrow pages, once open for wide ones, and once in the heading
    assert len(anchors) == 12
    assert set(anchors) <= ids


def test_a_page_has_no_date_and_no_neighbours(client: AppClient, world: Cast) -> None:
    page = page_of(client, "/about")
    assert page.all("time") == []
    assert not [each for each in page.all("a") if each.get("rel") in ("prev", "next")]


def test_an_unlisted_post_is_served_but_not_indexed(client: AppClient, world: Cast) -> None:
    page = page_of(client, world.ann_unlisted.path)
    assert page.one("meta", name="robots")["content"] == "noindex"


@pytest.mark.parametrize("name", ["ann_draft", "ann_scheduled", "ann_trashed", "ann_withdrawn"])
def test_a_post_that_is_not_live_is_not_found(client: AppClient, world: Cast, name: str) -> None:
    answer = client.get(getattr(world, name).path)
    assert answer.status == 404
    assert getattr(world, name).title not in answer.text


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        "/posts/a-marmalade-morning/",
        "/posts/A-Marmalade-Morning",
        "/posts/a-marmalade-morning.html",
        "/posts/a%2Dmarmalade-morning/index.html",
    ],
)
def test_other_spellings_of_an_address_redirect_to_it(
    client: AppClient, world: Cast, spelling: str
) -> None:
    answer = client.get(spelling)
    assert (answer.status, answer.header("location")) == (301, world.ann_live.path)


def test_an_address_can_be_chinese(client: AppClient, world: Cast) -> None:
    path = publish(
        client, world, WorkingCopy(title="旧文", body="正文。", language="zh"), "/旧/文章"
    )
    assert path == "/%E6%97%A7/%E6%96%87%E7%AB%A0"
    assert page_of(client, path).one("article")["lang"] == "zh"


def test_composed_and_decomposed_accents_reach_the_same_post(
    client: AppClient, world: Cast
) -> None:
    """macOS decomposes accents in file names, so old addresses can have either form."""
    decomposed, composed = "/cafe\u0301", "/caf%C3%A9"
    post = WorkingCopy(title="Café", body="Noir.")
    assert publish(client, world, post, decomposed) == composed
    assert client.get(composed).status == client.get(quote(decomposed)).status == 200
    decompose = (
        update(Address).where(Address.path == unquote(composed)).values(path=decomposed)
    )  # as an older version stored it
    client.database.transact_now(
        lambda session: session.execute(decompose, execution_options={"tags": ("addresses",)})
    )
    assert client.get(composed).status == client.get(quote(decomposed)).status == 200


@pytest.mark.parametrize("path", ["/archive/", "/search/", "/sign-in/", "/tags/python/"])
def test_a_trailing_slash_redirects_to_the_address_without_it(
    client: AppClient, world: Cast, path: str
) -> None:
    answer = client.get(path)
    assert (answer.status, answer.header("location")) == (301, path.rstrip("/"))
    spelled = client.get(path.rstrip("/") + "%2F")  # which must not redirect to itself
    assert (spelled.status, spelled.header("location")) == (301, path.rstrip("/"))


@pytest.mark.parametrize(
    "path", ["/%00", "/%ff%fe", "/" + "x" * 4000, "/a//b", "/..%2f..%2fetc", "/%252e%252e/x"]
)
def test_a_malformed_address_is_not_found(client: AppClient, world: Cast, path: str) -> None:
    assert client.get(path).status == 404


def test_the_404_page_offers_search_and_similar_addresses(client: AppClient, world: Cast) -> None:
    page = page_of(client, "/posts/a-marmelade-morning.html", status=404)
    assert world.ann_live.path in page.links()
    assert page.one("input", name="q")["value"] == "a marmelade morning"


# --- tags, authors, archive ----------------------------------------------------------------------


def test_a_tag_page_lists_its_posts_and_links_to_its_feed(client: AppClient, world: Cast) -> None:
    page = page_of(client, "/tags/marmalade")
    assert [link for link in page.links() if link.startswith("/posts/")] == [world.ann_live.path]
    assert "/tags/marmalade/feed.atom" in page.links()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("Python", "python"), ("%E5%BC%82%E6%AD%A5", "yi-bu")],
)
def test_the_name_of_a_tag_redirects_to_its_slug(
    client: AppClient, world: Cast, typed: str, meant: str
) -> None:
    answer = client.get(f"/tags/{typed}")
    assert (answer.status, answer.header("location")) == (301, f"/tags/{meant}")


@pytest.mark.parametrize("path", ["/tags/quillwort", "/tags/nothing", "/authors/lee", "/authors/x"])
def test_tags_and_authors_without_a_public_post_have_no_page(
    client: AppClient, world: Cast, path: str
) -> None:
    assert client.get(path).status == 404


def test_the_archive_links_to_every_month_with_a_post(client: AppClient, world: Cast) -> None:
    months = [
        link for link in page_of(client, "/archive").links() if re.match(r"/archive/\d+/", link)
    ]
    links = [link for month in months for link in page_of(client, month).links()]
    for post in (world.ann_live, world.ann_edited, world.bob_live, world.bob_zh):
        assert post.path in links


@pytest.mark.parametrize(
    "path", ["/archive/1999", "/archive/0", "/archive/2026/13", "/archive/99999/1", "/archive/x"]
)
def test_a_year_or_month_without_posts_is_not_found(
    client: AppClient, world: Cast, path: str
) -> None:
    assert client.get(path).status == 404


# --- search --------------------------------------------------------------------------------------


def test_search_marks_the_matching_words_in_a_snippet(client: AppClient, world: Cast) -> None:
    answer = client.get("/search?q=%E9%9D%92%E8%8A%B1%E7%93%B7")
    page = Page(answer.text)
    assert world.bob_zh.path in page.links()
    assert f"<mark>{cast.ZH_WORD}</mark>" in answer.text
    assert page.one("input", name="q")["value"] == cast.ZH_WORD


def test_slow_searches_do_not_block_other_pages(
    client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    original_find, gate = searching.find, threading.Event()

    def slow(*args: Any, **kwargs: Any) -> Any:
        gate.wait(10)
        return original_find(*args, **kwargs)

    monkeypatch.setattr(searching, "find", slow)
    with ThreadPoolExecutor(8) as threads:
        searches = [threads.submit(client.get, f"/search?q=marmalade+{n}") for n in range(8)]
        time.sleep(0.3)  # until all requests have arrived
        read = client.get("/archive", cookies={"waiting": "a page of one's own"})
        still_searching = [not search.done() for search in searches]
        gate.set()
    assert read.status == 200 and all(still_searching)
    assert {search.result().status for search in searches} == {200}


def test_search_without_results_says_so_and_escapes_the_query(
    client: AppClient, world: Cast
) -> None:
    answer = client.get("/search?q=%3Cb%3Enowhere%3C/b%3E")
    assert answer.status == 200
    assert "&lt;b&gt;nowhere&lt;/b&gt;" in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    "query", ["q=" + "x" * 5000, "q=%00%ff", "q=%22", "q=a&page=1", "q=%E7%9A%84"]
)
def test_search_accepts_any_query(client: AppClient, world: Cast, query: str) -> None:
    assert client.get(f"/search?{query}").status == 200


def test_a_search_page_past_the_end_is_not_found(client: AppClient, world: Cast) -> None:
    assert client.get("/search?q=marmalade&page=2").status == 404


# --- preview -------------------------------------------------------------------------------------


def test_a_private_link_shows_the_working_copy(client: AppClient, world: Cast) -> None:
    key = client.database.transact_now(preview.open_preview, world.ann_edited.id, by=world.ann)
    answer = client.get(f"/preview/{key}")
    assert answer.status == 200
    assert f"And then, {cast.HALF_TYPED}, half a sen" in answer.text
    assert answer.header("cache-control") == "no-store"
    assert "noindex" in answer.header("x-robots-tag")
    assert answer.header("referrer-policy") == "no-referrer"
    assert cast.HALF_TYPED not in client.get(world.ann_edited.path).text


def test_an_unknown_private_link_is_not_found(client: AppClient, world: Cast) -> None:
    assert client.get("/preview/" + "a" * 43).status == 404


def publish(client: AppClient, world: Cast, copy: WorkingCopy, path: str = "") -> str:
    """Publish a post by Ann and return its address. It is unlisted, so that lists do not change."""
    copy.content["is_listed"] = False
    return client.database.transact_now(create_live_post, copy, path, by=world.ann)


def create_live_post(session: Session, copy: WorkingCopy, path: str, *, by: User) -> str:
    id = editing.start(session, POST, copy.text("language") or "en", by=by)
    editing.save(session, id, copy, by=by)
    post = session.get_one(Post, id)
    post.path = path
    publishing.publish(session, id, render(post.body), post.version, by=by)
    return session.get_one(Address, post.address_id).href
