"""The page cache: what it stores, what it serves, and when it drops a page."""

import gzip
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import brotli
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.cache.encoded_response import CachedPage, Variant, accepted
from blog.home import views
from blog.models import base
from blog.models.comments import moderation
from blog.models.comments.comment import APPROVED, REJECTED
from blog.models.posts import editing, publishing
from blog.models.posts.post import Post
from blog.models.public import post_page
from blog.models.settings import site
from blog.models.tags import tag_admin
from blog.models.tags.tag import Tag
from blog.models.users.user import User
from tests.support import cast
from tests.support.app_client import AppClient
from tests.support.live_server import wait_for
from tests.support.raw_connection import Heard, RawConnection, plain

POST = "/posts/a-marmalade-morning"
PATHS = [
    "/",
    POST,
    "/about",
    "/archive",
    "/tags/marmalade",
    "/authors/ann",
    "/feed.atom",
    "/rss.xml",
    "/feed.json",
    "/tags/marmalade/feed.atom",
    "/authors/ann/rss.xml",
    "/comments/1/feed.json",
    "/sitemap.xml",
    "/robots.txt",
]


@pytest.fixture
def client(client: AppClient) -> AppClient:
    """A client of a blog whose page cache is empty."""
    client.app.ctx.page_cache.drop(None)
    return client


@pytest.fixture
def connection(client: AppClient) -> Iterator[RawConnection]:
    with RawConnection(client.port) as connection:
        yield connection


def cached_count(client: AppClient) -> int:
    """How many pages have been rendered and cached."""
    return int(client.app.ctx.page_cache.made)


def ask_twice(connection: RawConnection, client: AppClient, path: str, *lines: str) -> Heard:
    """Request a page twice and return the second response, which must come from the cache."""
    connection.ask(plain(path))
    before = cached_count(client)
    response = connection.ask(plain(path, *lines))
    assert cached_count(client) == before
    return response


def wait_until_compressed(connection: RawConnection, path: str) -> None:
    request = plain(path, "Accept-Encoding: gzip")
    wait_for(lambda: "content-encoding" in connection.ask(request).headers, 10)


# --- what is cached ---


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_rendered_once_and_then_served_from_the_cache(
    connection: RawConnection, client: AppClient, path: str
) -> None:
    before = cached_count(client)
    first = connection.ask(plain(path))
    assert first.status == 200
    for _ in range(3):
        again = connection.ask(plain(path))
        assert (again.head, again.body) == (first.head, first.body)
    assert cached_count(client) == before + 1


def test_a_cached_page_has_all_headers_of_an_uncached_one(
    connection: RawConnection, client: AppClient
) -> None:
    cached = ask_twice(connection, client, POST).headers
    own = client.get(POST, cookies=client.let_in("ann"))
    theirs = {"alt-svc", "cache-control", "connection", "content-length"}
    for name in {name for name, _ in own.pairs} - theirs:
        assert cached[name] == own.header(name), name
    assert cached["cache-control"] == "no-cache"


def test_a_matching_etag_gets_304(connection: RawConnection, client: AppClient) -> None:
    etag = ask_twice(connection, client, POST).headers["etag"]
    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        response = connection.ask(plain(POST, f"If-None-Match: {known}"))
        assert (response.status, response.body) == (304, b"")
        assert response.headers["etag"] == etag
        assert "content-security-policy" in response.headers
    assert connection.ask(plain(POST, 'If-None-Match: W/"of yesterday"')).status == 200


def test_a_page_that_is_requested_again_is_served_compressed(
    connection: RawConnection, client: AppClient
) -> None:
    whole = ask_twice(connection, client, POST).body
    wait_until_compressed(connection, POST)
    packed = connection.ask(plain(POST, "Accept-Encoding: gzip"))
    assert gzip.decompress(packed.body) == whole
    better = connection.ask(plain(POST, "Accept-Encoding: gzip, deflate, br, zstd"))
    assert better.headers["content-encoding"] == "br"
    assert brotli.decompress(better.body) == whole
    assert {packed.headers["vary"], better.headers["vary"]} == {"accept-encoding"}
    assert packed.headers["etag"] == better.headers["etag"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ()),
        ("gzip", ("gzip",)),
        ("gzip, br", ("br", "gzip")),
        ("br;q=0.1, gzip;q=0.9", ("gzip", "br")),
        ("br;q=0, gzip", ("gzip",)),
        ("*", ("br", "gzip")),
        ("*;q=0", ()),
        ("identity;q=1, *;q=0", ()),
        ("GZIP ; q=1", ("gzip",)),
        ("gzip;q=nonsense", ()),
        ("gzip;q=nan", ()),
        ("gzip;q=-1", ()),
        ("deflate, zstd", ()),
    ],
)
def test_accept_encoding_is_parsed_by_preference(header: str, expected: tuple[str, ...]) -> None:
    assert accepted(header) == expected


def test_head_gets_the_headers_without_the_body(
    connection: RawConnection, client: AppClient
) -> None:
    whole = ask_twice(connection, client, POST)
    response = connection.ask(plain(POST).replace(b"GET", b"HEAD", 1))
    assert response.head == whole.head
    assert connection.ask(plain("/")).status == 200  # the next response begins where it should


# --- what is not cached ---


@pytest.mark.parametrize("path", ["/search?q=marmalade", "/no-such-page", "/control-panel/", "/x"])
def test_a_private_or_missing_page_is_not_cached(
    connection: RawConnection, client: AppClient, path: str
) -> None:
    before = cached_count(client)
    connection.ask(plain(path))
    connection.ask(plain(path))
    assert cached_count(client) == before


def test_a_signed_in_user_gets_an_uncached_page(
    connection: RawConnection, client: AppClient
) -> None:
    public = ask_twice(connection, client, POST)
    own = client.get(POST, cookies=client.let_in("ann"))
    assert own.header("cache-control") == "private, no-store"
    assert connection.ask(plain(POST)).body == public.body


@pytest.mark.parametrize(
    "name", ["session", "waiting", "__Host-session", "__Host-waiting", "flash"]
)
def test_a_personal_cookie_bypasses_the_cache(
    connection: RawConnection, client: AppClient, name: str
) -> None:
    connection.ask(plain(POST))
    hits = client.app.ctx.page_cache.hits
    assert connection.ask(plain(POST, f"Cookie: {name}=whatever")).status == 200
    assert client.app.ctx.page_cache.hits == hits


ODD_HEADERS = [
    "Cookie: _ga=GA1.2.3; theme=dark",
    "Accept-Language: zh-CN",
    "User-Agent: a robot",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: https",
    "X-Original-URL: /admin",
    "X-HTTP-Method-Override: POST",
    "Forwarded: host=evil.example",
    "Range: bytes=0-10",
    "Origin: https://evil.example",
    "Referer: https://evil.example/",
    "Authorization: Basic YTpi",
    "X-Nonsense: " + "n" * 3000,
]


@pytest.mark.parametrize("line", ODD_HEADERS, ids=lambda line: line.split(":")[0])
def test_no_request_header_splits_or_poisons_the_cache(client: AppClient, line: str) -> None:
    """An unusual request renders the page; the next visitor must get the usual one."""
    clean = client.get(POST).body
    client.app.ctx.page_cache.drop(None)
    with RawConnection(client.port) as connection:
        before = cached_count(client)
        odd = connection.ask(plain(POST, line))
        after = connection.ask(plain(POST))
        assert cached_count(client) == before + 1
    assert after.body == clean == odd.body
    assert (after.head, after.body) == (odd.head, odd.body)


@pytest.mark.parametrize("query", ["?utm_source=x", "?page=7", "?q=x&q=y", "?", "?page=2;x"])
def test_an_unknown_query_gets_the_same_cached_page(
    connection: RawConnection, client: AppClient, query: str
) -> None:
    cached = ask_twice(connection, client, POST)
    before = cached_count(client)
    odd = connection.ask(plain(POST + query))
    assert (odd.head, odd.body) == (cached.head, cached.body)
    assert cached_count(client) == before


def test_the_pages_of_a_list_are_cached_separately(
    connection: RawConnection, client: AppClient
) -> None:
    cast.choose(client.database)  # the default settings
    client.database.transact_now(_narrow)
    first, second = connection.ask(plain("/tags/ink")), connection.ask(plain("/tags/ink?page=2"))
    assert first.body != second.body
    assert connection.ask(plain("/tags/ink?page=2&utm=x")).body == second.body
    assert connection.ask(plain("/tags/ink?page=1")).body == first.body
    assert connection.ask(plain("/tags/ink?page=02")).status == 404
    assert connection.ask(plain("/tags/ink?page=99")).status == 404
    assert connection.ask(plain("/tags/ink")).body == first.body


def _narrow(session: Session) -> None:
    """Put two posts under one tag, and show one post per page."""
    session.get_one(site.Site, site.SITE_ID).posts_per_page = 1
    tag = Tag(name="ink", slug="ink")
    session.add(tag)
    session.flush()
    for post in session.scalars(select(Post).where(Post.is_live(base.now())).limit(2)):
        session.add(publishing.RevisionTag(revision_id=post.live_revision_id, tag_id=tag.id))


@pytest.mark.parametrize("spelled", ["/posts/%61-marmalade-morning", "/posts//a-marmalade-morning"])
def test_another_spelling_of_an_address_is_not_cached_separately(
    connection: RawConnection, client: AppClient, spelled: str
) -> None:
    connection.ask(plain(POST))
    before = cached_count(client)
    connection.ask(plain(spelled))
    assert cached_count(client) == before


@pytest.mark.parametrize(
    ("path", "spelled"),
    [
        ("/archive/2026", "/archive/02026"),
        ("/archive/2026", "/archive/+2026"),
        ("/archive/2026/10", "/archive/2026/0010"),
        ("/comments/1/feed.atom", "/comments/0001/feed.atom"),
    ],
)
def test_a_number_with_leading_zeros_is_not_cached_separately(
    connection: RawConnection, client: AppClient, path: str, spelled: str
) -> None:
    """Each number can be written in any number of ways."""
    assert connection.ask(plain(path)).status == 200
    before = cached_count(client)
    assert connection.ask(plain(spelled)).status == 200
    assert cached_count(client) == before


def test_a_new_blog_uses_the_visitors_language_and_caches_nothing(
    empty_client: AppClient,
) -> None:
    with RawConnection(empty_client.port) as connection:
        chinese = connection.ask(plain("/", "Accept-Language: zh-CN"))
        english = connection.ask(plain("/", "Accept-Language: en"))
    assert chinese.body != english.body


def test_an_error_page_is_not_cached(
    connection: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(post_page, "at", lambda *_: 1 / 0)
        assert connection.ask(plain(POST)).status == 500
    assert connection.ask(plain(POST)).status == 200


# --- invalidation ---


def by(client: AppClient, name: str) -> User:
    user: User = getattr(client.cast, name)
    return user


def edit(client: AppClient, title: str) -> None:
    """Give Ann's post another title, as if she had saved and published it."""
    db, ann, id = client.database, by(client, "ann"), client.cast.ann_live.id

    def work(session: Session, *, by: User) -> None:
        post = session.get_one(Post, id)
        rendered = cast.render(post.body)
        copy = editing.WorkingCopy(
            title=title, body=post.body, tags=post.tags, version=post.version
        )
        editing.save(session, id, copy, by=by)
        publishing.publish(session, id, rendered, session.get_one(Post, id).version, by=by)

    db.transact_now(work, by=ann)


def bio(session: Session) -> None:
    session.scalars(select(User).where(User.name == "ann")).one().bio = "Writes of spoons."


CHANGES = {
    "an edit": lambda client: edit(client, "A plum evening"),
    "a withdrawal": lambda client: client.database.transact_now(
        publishing.unpublish, client.cast.ann_live.id, by=by(client, "ann")
    ),
    "the trash": lambda client: client.database.transact_now(
        publishing.trash, client.cast.ann_live.id, by=by(client, "ann")
    ),
    "a setting": lambda client: cast.choose(client.database, icp="京ICP备12345678号-1"),
    "an author's name": lambda client: client.database.transact_now(bio),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("path", PATHS)
def test_after_a_change_every_page_is_as_if_rendered_anew(
    connection: RawConnection, client: AppClient, path: str, change: str
) -> None:
    ask_twice(connection, client, path)
    CHANGES[change](client)
    response = connection.ask(plain(path))
    client.app.ctx.page_cache.drop(None)
    fresh = connection.ask(plain(path))
    assert (response.status, response.body) == (fresh.status, fresh.body)


def test_saving_a_draft_drops_no_page(connection: RawConnection, client: AppClient) -> None:
    ask_twice(connection, client, POST)
    before = cached_count(client)
    draft = client.cast.ann_draft.id
    version = client.database.read_now(lambda session: session.get_one(Post, draft).version)
    copy = editing.WorkingCopy(title="Half a thought", body="…", version=version)
    client.database.transact_now(editing.save, draft, copy, by=by(client, "ann"))
    connection.ask(plain(POST))
    assert cached_count(client) == before


def test_a_comment_drops_only_the_page_that_shows_it(
    connection: RawConnection, client: AppClient
) -> None:
    ask_twice(connection, client, POST)
    ask_twice(connection, client, "/")
    comment = client.cast.comments["paul"].id
    decide(client, comment, APPROVED)
    assert "unapprovedly" in connection.ask(plain(POST)).text
    before = cached_count(client)
    connection.ask(plain("/"))
    assert cached_count(client) == before
    decide(client, comment, REJECTED)
    assert "unapprovedly" not in connection.ask(plain(POST)).text


def decide(client: AppClient, comment: int, state: str) -> None:
    client.database.transact_now(moderation.decide, [comment], state, by=by(client, "eve"))


def test_renaming_a_tag_drops_the_pages_that_show_it(
    connection: RawConnection, client: AppClient
) -> None:
    """The tag is renamed by a bulk UPDATE, which no flush event sees."""
    assert "marmalade</a>" in ask_twice(connection, client, POST).text

    def rename(session: Session) -> None:
        id = session.scalars(select(Tag.id).where(Tag.slug == "marmalade")).one()
        tag_admin.rename(session, id, name="Preserves", by=by(client, "eve"))

    client.database.transact_now(rename)
    assert "Preserves</a>" in connection.ask(plain(POST)).text


def test_a_commit_of_another_process_is_noticed(
    connection: RawConnection, client: AppClient
) -> None:
    """The test client has its own database connections, as the command line does."""
    ask_twice(connection, client, "/")
    cast.choose(client.database, icp="京ICP备12345678号-1")
    assert "京ICP备" in connection.ask(plain("/")).text


def test_a_restored_database_is_noticed(connection: RawConnection, client: AppClient) -> None:
    """A restored backup may have other changes under the same IDs."""
    cached = ask_twice(connection, client, POST)
    client.database.transact_now(_forge)
    edit(client, "A plum evening")
    assert connection.ask(plain(POST)).body != cached.body


def _forge(session: Session) -> None:
    raw = session.connection().connection.dbapi_connection
    assert raw is not None
    statement = (
        "UPDATE change SET at = '2001-01-01 00:00:00' WHERE id = (SELECT max(id) FROM change)"
    )
    raw.cursor().execute(statement)


def test_a_migration_by_a_newer_version_is_noticed(
    connection: RawConnection, client: AppClient
) -> None:
    """A migration bypasses the sessions, while an older instance may still be serving."""
    ask_twice(connection, client, POST)
    client.database.transact_now(_rewrite)
    assert "A plum evening</h1>" in connection.ask(plain(POST)).text


def _rewrite(session: Session) -> None:
    raw = session.connection().connection.dbapi_connection
    assert raw is not None
    raw.cursor().execute("UPDATE revision SET title = 'A plum evening'")
    raw.cursor().execute("UPDATE alembic_version SET version_num = '9999'")


# --- race conditions ---


def test_a_page_that_changes_while_it_is_rendered_is_not_cached(
    connection: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit happens after the page was read and before it is rendered."""
    real = views.page_queries.at

    def slow(*args: Any, **kwargs: Any) -> Any:
        shown = real(*args, **kwargs)
        if not edited:
            edited.append(True)
            edit(client, "A plum evening")
        return shown

    edited: list[bool] = []
    monkeypatch.setattr(views.page_queries, "at", slow)
    assert "A plum evening" not in connection.ask(plain(POST)).text.partition("</h1>")[0]
    assert "A plum evening</h1>" in connection.ask(plain(POST)).text


def test_a_scheduled_post_appears_when_due_without_a_commit(
    connection: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "vermilion" not in ask_twice(connection, client, "/").text
    set_clock(monkeypatch, timedelta(days=3, minutes=1))
    assert "vermilion" in connection.ask(plain("/")).text


def test_setting_the_clock_back_hides_a_scheduled_post_again(
    connection: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The post is scheduled for a moment that is in the future again."""
    for days, is_shown in ((4, True), (0, False), (4, True)):
        set_clock(monkeypatch, timedelta(days=days))
        assert ("vermilion" in connection.ask(plain("/")).text) is is_shown
        assert ("vermilion" in connection.ask(plain("/feed.atom")).text) is is_shown


def test_comments_close_when_due_without_a_commit(
    connection: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.choose(client.database, comments_days=41)
    assert "<textarea" in ask_twice(connection, client, POST).text
    set_clock(monkeypatch, timedelta(days=1, minutes=1))
    assert "<textarea" not in connection.ask(plain(POST)).text


def set_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Move the clock: replace `now` in every module that has imported it."""
    import sys

    def shifted() -> base.datetime:
        return base.datetime.now(base.UTC) + by

    for module in list(sys.modules.values()):
        clock = getattr(module, "now", None)
        if callable(clock) and module.__name__.startswith("blog."):
            monkeypatch.setattr(module, "now", shifted)


def test_simultaneous_requests_share_one_rendering(
    client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rendered, gate = views.page_queries.at, [], threading.Event()

    def slow(*args: Any, **kwargs: Any) -> Any:
        rendered.append(1)
        gate.wait(10)
        return real(*args, **kwargs)

    monkeypatch.setattr(views.page_queries, "at", slow)
    connections = [RawConnection(client.port) for _ in range(20)]
    for connection in connections:
        connection.say(plain(POST))
    wait_for_rendering(client)
    gate.set()
    bodies = {connection.hear().body for connection in connections}
    for connection in connections:
        connection.line.close()
    assert (len(rendered), len(bodies)) == (1, 1)


def test_a_client_that_disconnects_does_not_cancel_the_rendering_for_others(
    client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, gate = views.page_queries.at, threading.Event()

    def slow(*args: Any, **kwargs: Any) -> Any:
        gate.wait(10)
        return real(*args, **kwargs)

    monkeypatch.setattr(views.page_queries, "at", slow)
    first = RawConnection(client.port)
    first.say(plain(POST))
    wait_for_rendering(client)
    with RawConnection(client.port) as second:
        second.say(plain(POST))
        first.line.close()
        gate.set()
        assert second.hear().status == 200


def wait_for_rendering(client: AppClient) -> None:
    """Wait until a page is being rendered, and the other requests have had time to join."""
    wait_for(lambda: client.app.ctx.page_cache._renderings)
    time.sleep(0.3)


# --- limits ---


def test_the_least_recently_used_page_is_evicted_first(
    connection: RawConnection, client: AppClient
) -> None:
    pages = client.app.ctx.page_cache
    connection.ask(plain("/"))
    pages.limit, limit = pages.size + 10_000, pages.limit
    try:
        connection.ask(plain("/robots.txt"))
        connection.ask(plain("/"))
        for path in PATHS:
            connection.ask(plain(path))
        assert pages.size <= pages.limit
        before = cached_count(client)
        connection.ask(plain(PATHS[-1]))
        assert cached_count(client) == before
    finally:
        pages.limit = limit


def test_a_page_larger_than_the_limit_evicts_no_other(
    connection: RawConnection, client: AppClient
) -> None:
    pages = client.app.ctx.page_cache
    wait_until_compressed(connection, "/robots.txt")
    pages.limit, limit = pages.size + 500, pages.limit
    try:
        connection.ask(plain(POST))
        before = cached_count(client)
        connection.ask(plain("/robots.txt"))
        assert cached_count(client) == before
    finally:
        pages.limit = limit


def test_a_page_dropped_while_waiting_for_compression_is_not_compressed(
    connection: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a crawler could fill the memory with compressed pages that nobody needs."""
    pages, gate, real = client.app.ctx.page_cache, threading.Event(), CachedPage.compress
    compressed: list[CachedPage] = []

    def counted(page: CachedPage) -> dict[str, Variant]:
        compressed.append(page)
        return real(page)

    monkeypatch.setattr(CachedPage, "compress", counted)
    pages._compressor.submit(gate.wait, 10)
    for path in PATHS:
        ask_twice(connection, client, path)
    pages.drop(frozenset({"posts"}))
    ask_twice(connection, client, POST)
    gate.set()
    wait_until_compressed(connection, POST)
    assert len(compressed) == 1


def test_the_size_is_the_sum_of_the_cached_pages(
    connection: RawConnection, client: AppClient
) -> None:
    for path in PATHS:
        ask_twice(connection, client, path)
    wait_until_compressed(connection, POST)
    pages = client.app.ctx.page_cache

    def is_size_exact() -> bool:
        return 0 < pages.size == sum(page.size for page in list(pages._pages.values()))

    wait_for(is_size_exact, 10)
    pages.drop(None)
    assert pages.size == 0
