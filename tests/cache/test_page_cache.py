"""Pages kept ready: given out as long as they are true, and not a moment longer."""

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

from blog.cache.encoded_response import CachedPage, accepted
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
KINDS = [
    "/",
    POST,
    "/about",
    "/archive",
    "/tags/marmalade",
    "/authors/ann",
    "/feed.atom",
    "/tags/marmalade/feed.atom",
    "/authors/ann/feed.atom",
    "/sitemap.xml",
    "/robots.txt",
]


@pytest.fixture
def client(client: AppClient) -> AppClient:
    """Nothing is kept of what was true in another test as well."""
    client.app.ctx.pages.drop(None)
    return client


@pytest.fixture
def wire(client: AppClient) -> Iterator[RawConnection]:
    with RawConnection(client.port) as wire:
        yield wire


def made(client: AppClient) -> int:
    """How many pages were rendered to be kept."""
    return int(client.app.ctx.pages.made)


def ask_twice(wire: RawConnection, client: AppClient, path: str, *lines: str) -> Heard:
    """The second answer, which must be a kept one."""
    wire.ask(plain(path))
    before = made(client)
    heard = wire.ask(plain(path, *lines))
    assert made(client) == before
    return heard


def wait_until_packed(wire: RawConnection, path: str) -> None:
    packed = plain(path, "Accept-Encoding: gzip")
    wait_for(lambda: "content-encoding" in wire.ask(packed).headers, 10)


# --- what is kept ---


@pytest.mark.parametrize("path", KINDS)
def test_a_page_is_rendered_once_and_then_given_out(
    wire: RawConnection, client: AppClient, path: str
) -> None:
    before = made(client)
    first = wire.ask(plain(path))
    assert first.status == 200
    for _ in range(3):
        again = wire.ask(plain(path))
        assert (again.head, again.body) == (first.head, first.body)
    assert made(client) == before + 1


def test_a_kept_page_bears_every_header_of_a_page_that_is_not(
    wire: RawConnection, client: AppClient
) -> None:
    kept = ask_twice(wire, client, POST).headers
    own = client.get(POST, cookies=client.let_in("ann"))
    theirs = {"alt-svc", "cache-control", "connection", "content-length"}
    for name in {name for name, _ in own.pairs} - theirs:
        assert kept[name] == own.header(name), name
    assert kept["cache-control"] == "no-cache"


def test_who_has_the_page_is_told_so_in_304(wire: RawConnection, client: AppClient) -> None:
    etag = ask_twice(wire, client, POST).headers["etag"]
    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        heard = wire.ask(plain(POST, f"If-None-Match: {known}"))
        assert (heard.status, heard.body) == (304, b"")
        assert heard.headers["etag"] == etag
        assert "content-security-policy" in heard.headers
    assert wire.ask(plain(POST, 'If-None-Match: W/"of yesterday"')).status == 200


def test_a_page_that_is_asked_for_again_goes_out_packed(
    wire: RawConnection, client: AppClient
) -> None:
    whole = ask_twice(wire, client, POST).body
    wait_until_packed(wire, POST)
    packed = wire.ask(plain(POST, "Accept-Encoding: gzip"))
    assert gzip.decompress(packed.body) == whole
    better = wire.ask(plain(POST, "Accept-Encoding: gzip, deflate, br, zstd"))
    assert better.headers["content-encoding"] == "br"
    assert brotli.decompress(better.body) == whole
    assert {packed.headers["vary"], better.headers["vary"]} == {"accept-encoding"}
    assert packed.headers["etag"] == better.headers["etag"]


@pytest.mark.parametrize(
    ("header", "takes"),
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
def test_a_reader_gets_only_an_encoding_that_they_take(header: str, takes: tuple[str, ...]) -> None:
    assert accepted(header) == takes


def test_head_is_answered_with_the_head_alone(wire: RawConnection, client: AppClient) -> None:
    whole = ask_twice(wire, client, POST)
    heard = wire.ask(plain(POST).replace(b"GET", b"HEAD", 1))
    assert heard.head == whole.head
    assert wire.ask(plain("/")).status == 200  # and the next answer stands where it should


# --- what is not ---


@pytest.mark.parametrize("path", ["/search?q=marmalade", "/no-such-page", "/control-panel/", "/x"])
def test_what_is_not_for_everybody_or_not_there_is_not_kept(
    wire: RawConnection, client: AppClient, path: str
) -> None:
    before = made(client)
    wire.ask(plain(path))
    wire.ask(plain(path))
    assert made(client) == before


def test_who_is_signed_in_gets_a_page_of_their_own(wire: RawConnection, client: AppClient) -> None:
    public = ask_twice(wire, client, POST)
    own = client.get(POST, cookies=client.let_in("ann"))
    assert own.header("cache-control") == "private, no-store"
    assert wire.ask(plain(POST)).body == public.body


@pytest.mark.parametrize(
    "name", ["session", "waiting", "__Host-session", "__Host-waiting", "flash"]
)
def test_a_cookie_of_ours_goes_past_kept_pages(
    wire: RawConnection, client: AppClient, name: str
) -> None:
    wire.ask(plain(POST))
    hits = client.app.ctx.pages.hits
    assert wire.ask(plain(POST, f"Cookie: {name}=whatever")).status == 200
    assert client.app.ctx.pages.hits == hits


ODD = [
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


@pytest.mark.parametrize("line", ODD, ids=lambda line: line.split(":")[0])
def test_no_header_splits_or_poisons_what_is_kept(client: AppClient, line: str) -> None:
    """The odd one renders the page; whoever comes after must not be able to tell."""
    clean = client.get(POST).body
    client.app.ctx.pages.drop(None)
    with RawConnection(client.port) as wire:
        before = made(client)
        odd = wire.ask(plain(POST, line))
        after = wire.ask(plain(POST))
        assert made(client) == before + 1
    assert after.body == clean == odd.body
    assert (after.head, after.body) == (odd.head, odd.body)


@pytest.mark.parametrize("query", ["?utm_source=x", "?page=7", "?q=x&q=y", "?", "?page=2;x"])
def test_a_query_that_means_nothing_here_shows_the_same_page(
    wire: RawConnection, client: AppClient, query: str
) -> None:
    kept = ask_twice(wire, client, POST)
    before = made(client)
    odd = wire.ask(plain(POST + query))
    assert (odd.head, odd.body) == (kept.head, kept.body)
    assert made(client) == before


def test_pages_of_a_list_are_kept_apart(wire: RawConnection, client: AppClient) -> None:
    cast.choose(client.database)  # nothing
    client.database.transact_now(_narrow)
    first, second = wire.ask(plain("/tags/ink")), wire.ask(plain("/tags/ink?page=2"))
    assert first.body != second.body
    assert wire.ask(plain("/tags/ink?page=2&utm=x")).body == second.body
    assert wire.ask(plain("/tags/ink?page=1")).body == first.body
    assert wire.ask(plain("/tags/ink?page=02")).status == 404
    assert wire.ask(plain("/tags/ink?page=99")).status == 404
    assert wire.ask(plain("/tags/ink")).body == first.body


def _narrow(session: Session) -> None:
    """Two posts under one tag, one a page."""
    session.get_one(site.Site, site.THE_ONE).posts_per_page = 1
    tag = Tag(name="ink", slug="ink")
    session.add(tag)
    session.flush()
    for post in session.scalars(select(Post).where(Post.is_live(base.now())).limit(2)):
        session.add(publishing.RevisionTag(revision_id=post.live_revision_id, tag_id=tag.id))


@pytest.mark.parametrize("spelled", ["/posts/%61-marmalade-morning", "/posts//a-marmalade-morning"])
def test_another_spelling_of_an_address_is_not_kept_for_itself(
    wire: RawConnection, client: AppClient, spelled: str
) -> None:
    wire.ask(plain(POST))
    before = made(client)
    wire.ask(plain(spelled))
    assert made(client) == before


@pytest.mark.parametrize(
    ("path", "spelled"),
    [
        ("/archive/2026", "/archive/02026"),
        ("/archive/2026", "/archive/+2026"),
        ("/archive/2026/10", "/archive/2026/0010"),
        ("/comments/1/feed.atom", "/comments/0001/feed.atom"),
    ],
)
def test_a_number_with_zeros_before_it_is_not_kept_for_itself(
    wire: RawConnection, client: AppClient, path: str, spelled: str
) -> None:
    """There are too many ways to write it."""
    assert wire.ask(plain(path)).status == 200
    before = made(client)
    assert wire.ask(plain(spelled)).status == 200
    assert made(client) == before


def test_an_empty_blog_speaks_the_visitors_language_and_keeps_nothing(
    empty_client: AppClient,
) -> None:
    with RawConnection(empty_client.port) as wire:
        chinese = wire.ask(plain("/", "Accept-Language: zh-CN"))
        english = wire.ask(plain("/", "Accept-Language: en"))
    assert chinese.body != english.body


def test_a_page_that_fails_is_not_kept(
    wire: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(post_page, "at", lambda *_: 1 / 0)
        assert wire.ask(plain(POST)).status == 500
    assert wire.ask(plain(POST)).status == 200


# --- as long as it is true ---


def by(client: AppClient, name: str) -> User:
    found: User = getattr(client.cast, name)
    return found


def edit(client: AppClient, title: str) -> None:
    """Ann's post gets another title, as if she had saved and published it."""
    db, ann, id = client.database, by(client, "ann"), client.cast.ann_live.id

    def work(session: Session, *, by: User) -> None:
        post = session.get_one(Post, id)
        rendered = cast.render(post.body)
        copy = editing.WorkingCopy(title, body=post.body, tags=post.tags, version=post.version)
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
@pytest.mark.parametrize("path", KINDS)
def test_after_a_change_every_page_is_what_it_would_be_if_none_were_kept(
    wire: RawConnection, client: AppClient, path: str, change: str
) -> None:
    ask_twice(wire, client, path)
    CHANGES[change](client)
    heard = wire.ask(plain(path))
    client.app.ctx.pages.drop(None)
    fresh = wire.ask(plain(path))
    assert (heard.status, heard.body) == (fresh.status, fresh.body)


def test_saving_without_publishing_drops_nothing(wire: RawConnection, client: AppClient) -> None:
    ask_twice(wire, client, POST)
    before = made(client)
    draft = client.cast.ann_draft.id
    version = client.database.read_now(lambda session: session.get_one(Post, draft).version)
    copy = editing.WorkingCopy("Half a thought", body="…", version=version)
    client.database.transact_now(editing.save, draft, copy, by=by(client, "ann"))
    wire.ask(plain(POST))
    assert made(client) == before


def test_a_comment_drops_the_page_that_shows_it_and_no_other(
    wire: RawConnection, client: AppClient
) -> None:
    ask_twice(wire, client, POST)
    ask_twice(wire, client, "/")
    comment = client.cast.comments["paul"].id
    decide(client, comment, APPROVED)
    assert "unapprovedly" in wire.ask(plain(POST)).text
    before = made(client)
    wire.ask(plain("/"))
    assert made(client) == before
    decide(client, comment, REJECTED)
    assert "unapprovedly" not in wire.ask(plain(POST)).text


def decide(client: AppClient, comment: int, state: str) -> None:
    client.database.transact_now(moderation.decide, [comment], state, by=by(client, "eve"))


def test_a_tag_with_another_name_shows_it_everywhere(
    wire: RawConnection, client: AppClient
) -> None:
    """By a statement that no flush sees."""
    assert "marmalade</a>" in ask_twice(wire, client, POST).text

    def rename(session: Session) -> None:
        id = session.scalars(select(Tag.id).where(Tag.slug == "marmalade")).one()
        tag_admin.rename(session, id, name="Preserves")

    client.database.transact_now(rename)
    assert "Preserves</a>" in wire.ask(plain(POST)).text


def test_what_another_process_wrote_is_seen(wire: RawConnection, client: AppClient) -> None:
    """The door's own database is another connection than the server's; so is the command line."""
    ask_twice(wire, client, "/")
    cast.choose(client.database, icp="京ICP备12345678号-1")
    assert "京ICP备" in wire.ask(plain("/")).text


def test_another_database_under_the_same_name_is_noticed(
    wire: RawConnection, client: AppClient
) -> None:
    """A backup that was put back has changes of the same numbers."""
    kept = ask_twice(wire, client, POST)
    client.database.transact_now(_forge)
    edit(client, "A plum evening")
    assert wire.ask(plain(POST)).body != kept.body


def _forge(session: Session) -> None:
    line = session.connection().connection.dbapi_connection
    assert line is not None
    other = "UPDATE change SET at = '2001-01-01 00:00:00' WHERE id = (SELECT max(id) FROM change)"
    line.cursor().execute(other)


def test_what_a_migration_of_a_newer_program_rewrote_is_shown(
    wire: RawConnection, client: AppClient
) -> None:
    """It writes past every session, while an older instance may still be serving."""
    ask_twice(wire, client, POST)
    client.database.transact_now(_rewrite)
    assert "A plum evening</h1>" in wire.ask(plain(POST)).text


def _rewrite(session: Session) -> None:
    line = session.connection().connection.dbapi_connection
    assert line is not None
    line.cursor().execute("UPDATE revision SET title = 'A plum evening'")
    line.cursor().execute("UPDATE alembic_version SET version_num = '9999'")


# --- the holes that were seen ---


def test_a_page_read_before_a_commit_is_not_kept_after_it(
    wire: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit falls between the reading of the page and its end."""
    real = views.page_queries.at

    def slow(*args: Any, **kwargs: Any) -> Any:
        shown = real(*args, **kwargs)
        if not edited:
            edited.append(True)
            edit(client, "A plum evening")
        return shown

    edited: list[bool] = []
    monkeypatch.setattr(views.page_queries, "at", slow)
    assert "A plum evening" not in wire.ask(plain(POST)).text.partition("</h1>")[0]
    assert "A plum evening</h1>" in wire.ask(plain(POST)).text


def test_a_scheduled_post_appears_at_its_moment_without_a_commit(
    wire: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "vermilion" not in ask_twice(wire, client, "/").text
    put_clock(monkeypatch, timedelta(days=3, minutes=1))
    assert "vermilion" in wire.ask(plain("/")).text


def test_a_clock_that_is_set_back_makes_a_scheduled_post_wait_once_more(
    wire: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment at which it fell due lies ahead again."""
    for days, is_shown in ((4, True), (0, False), (4, True)):
        put_clock(monkeypatch, timedelta(days=days))
        assert ("vermilion" in wire.ask(plain("/")).text) is is_shown
        assert ("vermilion" in wire.ask(plain("/feed.atom")).text) is is_shown


def test_comments_close_at_their_moment_without_a_commit(
    wire: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.choose(client.database, comments_days=41)
    assert "<textarea" in ask_twice(wire, client, POST).text
    put_clock(monkeypatch, timedelta(days=1, minutes=1))
    assert "<textarea" not in wire.ask(plain(POST)).text


def put_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """The one clock, for every module that has it."""
    import sys

    def moved() -> base.datetime:
        return base.datetime.now(base.UTC) + by

    for module in list(sys.modules.values()):
        known = getattr(module, "now", None)
        if callable(known) and module.__name__.startswith("blog."):
            monkeypatch.setattr(module, "now", moved)


def test_many_who_ask_at_once_cost_one_rendering(
    client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rendered, gate = views.page_queries.at, [], threading.Event()

    def slow(*args: Any, **kwargs: Any) -> Any:
        rendered.append(1)
        gate.wait(10)
        return real(*args, **kwargs)

    monkeypatch.setattr(views.page_queries, "at", slow)
    wires = [RawConnection(client.port) for _ in range(20)]
    for one in wires:
        one.say(plain(POST))
    wait_for_makers(client)
    gate.set()
    bodies = {one.hear().body for one in wires}
    for one in wires:
        one.line.close()
    assert (len(rendered), len(bodies)) == (1, 1)


def test_who_leaves_takes_the_page_from_nobody(
    client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, gate = views.page_queries.at, threading.Event()

    def slow(*args: Any, **kwargs: Any) -> Any:
        gate.wait(10)
        return real(*args, **kwargs)

    monkeypatch.setattr(views.page_queries, "at", slow)
    first = RawConnection(client.port)
    first.say(plain(POST))
    wait_for_makers(client)
    with RawConnection(client.port) as second:
        second.say(plain(POST))
        first.line.close()
        gate.set()
        assert second.hear().status == 200


def wait_for_makers(client: AppClient) -> None:
    """Until a page is being made, and those who were to join have had the time to."""

    wait_for(lambda: client.app.ctx.pages._renderings)
    time.sleep(0.3)


# --- bounds ---


def test_what_was_not_used_for_longest_goes_first(wire: RawConnection, client: AppClient) -> None:
    pages = client.app.ctx.pages
    wire.ask(plain("/"))
    pages.limit, limit = pages.size + 10_000, pages.limit
    try:
        wire.ask(plain("/robots.txt"))
        wire.ask(plain("/"))
        for path in KINDS:
            wire.ask(plain(path))
        assert pages.size <= pages.limit
        before = made(client)
        wire.ask(plain(KINDS[-1]))
        assert made(client) == before
    finally:
        pages.limit = limit


def test_a_page_that_is_too_large_to_keep_drives_no_other_out(
    wire: RawConnection, client: AppClient
) -> None:
    pages = client.app.ctx.pages
    wait_until_packed(wire, "/robots.txt")
    pages.limit, limit = pages.size + 500, pages.limit
    try:
        wire.ask(plain(POST))
        before = made(client)
        wire.ask(plain("/robots.txt"))
        assert made(client) == before
    finally:
        pages.limit = limit


def test_what_was_dropped_while_it_waited_for_the_packer_is_not_packed(
    wire: RawConnection, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or who leafs through everything twice fills the memory with what nobody keeps."""
    pages, gate, real, packed = client.app.ctx.pages, threading.Event(), CachedPage.compress, []
    monkeypatch.setattr(CachedPage, "compress", lambda page: packed.append(page) or real(page))
    pages._compressor.submit(gate.wait, 10)
    for path in KINDS:
        ask_twice(wire, client, path)
    pages.drop(frozenset({"posts"}))
    ask_twice(wire, client, POST)
    gate.set()
    wait_until_packed(wire, POST)
    assert len(packed) == 1


def test_the_size_is_that_of_what_is_kept(wire: RawConnection, client: AppClient) -> None:
    for path in KINDS:
        ask_twice(wire, client, path)
    wait_until_packed(wire, POST)
    pages = client.app.ctx.pages

    def is_right() -> bool:
        return 0 < pages.size == sum(page.size for page in list(pages._pages.values()))

    wait_for(is_right, 10)
    pages.drop(None)
    assert pages.size == 0
