"""The page cache of the shipped nginx.conf: never stale by more than a second, used in failures."""

import asyncio
import gzip
import itertools
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import brotli
import pytest

from blog.config import Config
from blog.db import Database
from blog.db.migrate import migrate
from blog.models.posts import publishing
from tests.conftest import need
from tests.support import cast
from tests.support.live_server import (
    Metrics,
    Reply,
    Site,
    environment,
    free_port,
    program,
    wait_for,
)
from tests.support.nginx_server import HOST, Nginx
from tests.support.raw_connection import RawConnection, plain

pytestmark = [pytest.mark.server, pytest.mark.nginx]

POST = "/posts/a-marmalade-morning"
PATHS = ["/", POST, "/about", "/archive", "/tags/marmalade", "/authors/ann"]
FEEDS = [
    "/feed.atom",
    "/rss.xml",
    "/feed.json",
    "/tags/marmalade/feed.atom",
    "/comments/1/rss.xml",
    "/sitemap.xml",
    "/robots.txt",
]
AT_MOST = 1.1  # seconds, including 0.1 s for a busy machine
READERS = 64


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """A separate blog for this module, which changes and kills it and counts its renderings."""
    need("nginx", program("nginx"))
    yield from blog_behind_nginx(tmp_path_factory.mktemp("site"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Nginx]:
    """A separate blog that the test may kill."""
    need("nginx", program("nginx"))
    yield from blog_behind_nginx(tmp_path)


def blog_behind_nginx(folder: Path) -> Iterator[Nginx]:
    config = Config(data_dir=folder / "data", port=free_port())
    config.data_dir.mkdir()
    migrate(config)
    database = Database(config)
    people = cast.fill(database, f"http://127.0.0.1:{config.port}")
    with Site(config, env=environment(config, BLOG_PROXIES="1")) as site, Nginx(site) as front:
        site.cast, site.database = people, database
        yield front
    database.close()


NUMBERS = itertools.count(10_000_000)


def change(front: Nginx) -> str:
    """Change a text on every page and return it."""
    word = f"京ICP备{next(NUMBERS)}号-1"
    cast.choose(front.site.database, icp=word)
    return word


def counted(front: Nginx, name: str) -> int:
    """Return the sum of a metric over all workers."""

    async def ask() -> int:
        total = 0
        async with front.site.held() as clients:
            for worker, client in clients.items():
                # Of its own value, a worker reports the newest.
                async with client.get("/health/metrics") as answer:
                    total += int(Metrics(await answer.text()).total(name, worker=worker))
        return total

    return asyncio.run(ask())


def made(front: Nginx) -> int:
    return counted(front, "blog_page_cache_stores_total")


def files(front: Nginx) -> list[Path]:
    return [path for path in (front.folder / "kept").rglob("*") if path.is_file()]


def wipe(front: Nginx) -> None:
    for path in files(front):
        path.unlink(missing_ok=True)


def await_second(part: float = 0.1) -> None:
    """Wait until this part of a second has passed, so that none ends during the test."""
    time.sleep((part - time.time()) % 1)


def in_many_threads(work: Callable[[int], object], count: int = READERS) -> None:
    with ThreadPoolExecutor(count) as threads:
        list(threads.map(work, range(count)))


def wire(front: Nginx) -> RawConnection:
    return RawConnection(front.port)


# --- what is cached ---------------------------------------------------------------------------


def test_hundreds_of_readers_cause_one_request_to_the_blog_per_second(front: Nginx) -> None:
    front.get(POST)
    before = counted(front, "blog_page_cache_hits_total")
    await_second()
    with wire(front) as line:
        assert {line.ask(plain(POST)).status for _ in range(500)} == {200}
    assert counted(front, "blog_page_cache_hits_total") - before <= 4


@pytest.mark.parametrize("path", [*PATHS, *FEEDS])
def test_a_cached_page_equals_the_page_of_the_blog(front: Nginx, path: str) -> None:
    for _ in range(2):
        through, direct = front.get(path), front.site.get(path)
        assert (through.status, through.body) == (200, direct.body)
        for reply in (through, direct):
            for name in ("date", "connection", "server", "content-length"):
                reply.headers.pop(name, None)
        assert through.headers == direct.headers


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.9, identity", "br"),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=0, *;q=0", None),
        ("deflate", None),
        ("sdch", None),
    ],
)
def test_a_page_is_compressed_as_accepted_from_the_first_request(
    front: Nginx, accepted: str, encoding: str | None
) -> None:
    unpack = {"gzip": gzip.decompress, "br": brotli.decompress, None: bytes}[encoding]
    change(front)  # nobody has requested this page yet
    time.sleep(AT_MOST)
    reply = front.get(POST, Accept_Encoding=accepted)
    assert reply.headers.get("content-encoding") == encoding
    assert unpack(reply.body) == front.site.get(POST).body
    assert reply.headers["vary"] == "accept-encoding"


def test_an_unchanged_page_gets_a_short_response(front: Nginx) -> None:
    known = front.get(POST)
    for encoding in ("identity", "gzip"):
        again = front.get(POST, If_None_Match=known.headers["etag"], Accept_Encoding=encoding)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["content-security-policy"]
    assert front.get(POST, If_None_Match='"another"').status == 200


def test_a_head_request_returns_the_headers_of_the_page(front: Nginx) -> None:
    head, page = front.ask(POST, "HEAD"), front.get(POST)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(page.body))
    assert head.headers["etag"] == page.headers["etag"]


# --- never stale ------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0.0, 0.35, 0.7, 0.95])
def test_a_change_is_visible_to_everybody_within_a_second(front: Nginx, part: float) -> None:
    front.get(POST)
    await_second(part)
    with wire(front) as line:
        line.ask(plain(POST))
        word, changed = change(front), time.monotonic()
        while word not in line.ask(plain(POST)).text:
            assert time.monotonic() - changed < AT_MOST
            time.sleep(0.005)


def test_an_expired_page_is_not_served_to_the_next_reader(front: Nginx) -> None:
    front.get(POST)
    word = change(front)
    time.sleep(2.1)
    seen: list[bool] = []
    in_many_threads(lambda _: seen.append(word in front.get(POST).text), 16)
    assert seen == [True] * 16


OWN = ["session", "waiting", "flash", "__Host-session", "__Host-waiting", "a=b; flash"]


@pytest.mark.parametrize("cookie", OWN)
def test_requests_with_our_cookies_are_passed_to_the_blog(front: Nginx, cookie: str) -> None:
    """The author of a change sees it at once, while others may get the old page for a second."""
    await_second()
    front.get(POST)
    word = change(front)
    mine = front.get(POST, Cookie=f"{cookie}={'k' * 32}")
    assert word in mine.text
    time.sleep(AT_MOST)
    theirs = front.get(POST)
    assert theirs.body == front.site.get(POST).body


def test_an_author_sees_an_edit_at_once_and_their_page_is_not_cached(front: Nginx) -> None:
    cookies = cast.sign_in(front.site.database, front.site.cast.ann)
    signed_in = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    await_second()
    everybody = front.get("/")
    word = change(front)
    mine = front.get("/", **signed_in)
    assert word in mine.text
    assert "no-store" in mine.headers["cache-control"]
    assert word not in everybody.text
    assert front.get("/").headers["cache-control"] == "no-cache"


# --- cache keys ----------------------------------------------------------------

JUNK = [
    "?utm_source=x",
    "?",
    "?&&",
    "?PAGE=2",
    "?p%61ge=2",
    "?page=0",
    "?page=-1",
    "?page=x&page=2&x",
    "?q=x&next=/admin",
    "?a=" + "b" * 3000,
]


def test_unknown_parameters_are_not_part_of_the_cache_key(front: Nginx) -> None:
    time.sleep(AT_MOST)
    wipe(front)
    plain_page = front.get("/about")
    count = len(files(front))
    for junk in JUNK:
        reply = front.get("/about" + junk)
        # `?page=2` of a page without pagination is passed to the blog and not cached.
        assert reply.body == plain_page.body, junk
        assert front.get("/about").body == plain_page.body
    assert len(files(front)) == count


STRANGE = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Path": "/evil",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Scheme": "http",
    "Forwarded": "host=evil.example",
    "X-Host": "evil.example",
    "X-Original-URL": "/sign-in",
    "X-Rewrite-URL": "/sign-in",
    "X-HTTP-Method-Override": "POST",
    "X-Method-Override": "DELETE",
    "X-Accel-Expires": "@9999999999",
    "X-Accel-Redirect": "/secret",
    "Surrogate-Control": "max-age=9999",
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "Authorization": "Basic eDp5",
    "Accept": "application/json",
    "Accept-Language": "zh",
    "Cookie": "theme=<script>; lang=zh",
    "Range": "bytes=0-9",
    "If-Range": '"x"',
    "If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT",
    "If-None-Match": '"x"',
    "Origin": "https://evil.example",
    "Referer": "https://evil.example/",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "cross-site",
    "TE": "trailers",
    "Trailer": "X-Evil",
    "Via": "1.0 evil",
    "User-Agent": "<script>",
    "X-Requested-With": "XMLHttpRequest",
    "X-Long": "x" * 7000,
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_header_of_one_reader_does_not_change_the_cached_page(front: Nginx, name: str) -> None:
    wipe(front)
    front.get("/about", **{name.replace("-", "_"): STRANGE[name]})
    clean, direct = front.get("/about"), front.site.get("/about")
    assert (clean.status, clean.body) == (200, direct.body)
    assert "content-range" not in clean.headers and "evil" not in str(clean.headers)
    assert front.get("/about", Accept_Encoding="gzip").headers["content-encoding"] == "gzip"


NEVER = ["/sign-in", "/search?q=morning", "/nothing/here", "/control-panel/", "/forgotten"]
NEVER += ["/comments/1", "/health/live", "/look/nothing", "/preview/x", "/set-up?key=x", "/a//b"]


def test_nothing_else_is_cached(front: Nginx) -> None:
    front.get("/about")
    before = set(files(front))
    for path in NEVER:
        assert front.get(path).status in (200, 301, 303, 404)
    assert set(files(front)) <= before
    assert front.get("/search?q=marmalade").text != front.get("/search?q=celadonic").text
    kept = b"".join(path.read_bytes() for path in files(front)).lower()
    assert b"\nset-cookie" not in kept and b"no-store" not in kept


@pytest.mark.parametrize("address", ["http://ink.example/about", "http://ink.example", "//about"])
def test_an_unusual_spelling_of_an_address_is_not_cached_separately(
    front: Nginx, address: str
) -> None:
    with wire(front) as line:
        odd = line.ask(f"GET {address} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert odd.status in (200, 301, 400, 404)
    assert front.get("/about").body == front.site.get("/about").body
    assert front.get("/").body == front.site.get("/").body


# --- failures ---------------------------------------------------------------------------------


def addresses(front: Nginx) -> list[str]:
    """Return the addresses of all public pages and feeds."""
    addresses = re.findall(r"<loc>http://[^/]+(/[^<]*)</loc>", front.site.get("/sitemap.xml").text)
    assert len(addresses) > 5
    return sorted({*addresses, *PATHS, *FEEDS})


def test_cached_pages_are_served_while_all_workers_are_down(own: Nginx) -> None:
    kept: dict[tuple[str, str], Reply] = {}
    for path in addresses(own):
        for encoding in ("identity", "gzip"):
            kept[path, encoding] = own.get(path, Accept_Encoding=encoding)
    assert {reply.status for reply in kept.values()} == {200}
    time.sleep(AT_MOST)
    own.site.kill()
    for (path, encoding), before in kept.items():
        after = own.get(path, Accept_Encoding=encoding)
        assert (after.status, after.body) == (200, before.body), path
    assert own.get(POST + "?utm_source=news").body == kept[POST, "identity"].body
    assert own.ask(POST, "HEAD").status == 200
    assert own.get("/sign-in").status == 503  # signing in needs the blog
    with Site(own.site.config, env=own.site.env):
        assert change(own) in own.get(POST).text


def test_a_removed_page_is_not_served_from_the_cache_during_a_failure(own: Nginx) -> None:
    post = own.site.cast.ann_live
    assert own.get(post.path).status == 200
    own.site.database.transact_now(publishing.trash, post.id, by=own.site.cast.eve)
    time.sleep(AT_MOST)
    assert own.get(post.path).status in (404, 410)
    time.sleep(AT_MOST)
    own.site.kill()
    assert own.get(post.path).status in (404, 410, 503)


def test_simultaneous_requests_for_an_uncached_page_render_it_once(front: Nginx) -> None:
    word = change(front)
    time.sleep(2)
    before = made(front)
    await_second()
    began, replies = time.monotonic(), []
    in_many_threads(lambda _: replies.append(front.get("/archive").body))
    took = time.monotonic() - began
    assert len(set(replies)) == 1 and word.encode() in replies[0]
    # A request in the next second may reach another worker, which has its own page cache.
    assert made(front) - before <= (1 if took < 0.9 else 4)


def test_deleting_the_cache_under_load_causes_few_renderings(
    front: Nginx,
) -> None:
    warm_every_worker(front)
    is_over = threading.Event()
    statuses: set[int] = set()

    def read(number: int) -> None:
        with wire(front) as line:
            while not is_over.is_set():
                statuses.add(line.ask(plain(PATHS[number % len(PATHS)])).status)

    with ThreadPoolExecutor(READERS) as readers:
        for number in range(READERS):
            readers.submit(read, number)
        before = made(front)
        for _ in range(4):
            wipe(front)
            time.sleep(0.4)
        for folder in (front.folder / "kept").iterdir():
            shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.4)
        is_over.set()
    assert statuses == {200}
    assert made(front) - before <= len(PATHS)
    wait_for(lambda: front.get("/").status == 200 and files(front))


def warm_every_worker(front: Nginx) -> None:
    async def ask() -> None:
        async with front.site.held() as clients:
            for client in clients.values():
                for path in PATHS:
                    async with client.get(path) as answer:
                        assert answer.status == 200

    asyncio.run(ask())
