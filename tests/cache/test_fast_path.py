"""The lane answers what the long way would answer, to the byte, or leaves it to the long way."""

import random
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

import pytest
from sanic.log import access_logger
from sanic.server.protocols.http_protocol import HttpProtocol

from blog.config import Config
from tests.support import cast
from tests.support.app_client import AppClient, Furnished
from tests.support.live_server import Site, free_port, wait_for
from tests.support.raw_connection import RawConnection, plain

POST = "/posts/a-marmalade-morning"
PATHS = ["/", POST, "/about", "/archive", "/tags/marmalade", "/feed.atom", "/sitemap.xml"]
CHROMIUM = (
    "Connection: keep-alive",
    'sec-ch-ua: "Chromium";v="156", "Not_A Brand";v="24"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "Sec-Fetch-Site: none",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Dest: document",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,zh-CN;q=0.8",
)

NGINX = (  # as nginx.conf asks, to keep what it gets
    "X-Accel-Expires: @1700000000",
    "X-Real-IP: 203.0.113.7",
    "X-Forwarded-For: 203.0.113.7",
    "X-Forwarded-Host: x",
    "X-Forwarded-Port: 80",
    "X-Forwarded-Proto: http",
    "Accept-Encoding: br",
    "User-Agent: x",
)


@dataclass
class Ways:
    """Three servers of the same blog: one with the lane, one without, and one that has not even the
    short way of a request. `long` counts what reached Sanic's own protocol in any of them."""

    lane: AppClient
    off: AppClient
    longest: AppClient
    long: list[int]

    @property
    def clients(self) -> tuple[AppClient, ...]:
        return self.lane, self.off, self.longest


@pytest.fixture(scope="module")
def ways(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        long: list[int] = []
        real = HttpProtocol.data_received

        def counted(self: HttpProtocol, data: bytes) -> None:
            long.append(len(data))
            real(self, data)

        patch.setattr(HttpProtocol, "data_received", counted)
        clients = []
        for is_on in (True, False, False):
            config = Config(data_dir=tmp_path_factory.mktemp("way"), lane=is_on)
            shutil.copy(furnished.file, config.data_dir)
            clients.append(stack.enter_context(AppClient(config)))
        patch.setattr(clients[-1].app.ctx.pages, "get_now", lambda *_: None)
        yield Ways(*clients, long)


@pytest.fixture
def warm(ways: Ways) -> Ways:
    """Every path is kept and packed in all of them."""
    for client in ways.clients:
        with RawConnection(client.port) as wire:
            for path in PATHS:
                wait_for(lambda path=path: is_packed(wire, path))
    ways.long.clear()
    return ways


def is_packed(wire: RawConnection, path: str) -> bool:
    return "content-encoding" in wire.ask(plain(path, "Accept-Encoding: br")).headers


# --- what goes by the lane ---


@pytest.mark.parametrize("lines", [(), CHROMIUM, ("Cookie: _ga=GA1.2.3",), NGINX], ids=str)
def test_a_plain_request_for_a_kept_page_never_reaches_sanic(
    warm: Ways, lines: tuple[str, ...]
) -> None:
    with RawConnection(warm.lane.port) as wire:
        for path in PATHS:
            assert wire.ask(plain(path, *lines)).status == 200
    assert warm.long == []


def test_the_first_request_of_a_connection_goes_by_the_lane_too(warm: Ways) -> None:
    for _ in range(300):
        with RawConnection(warm.lane.port) as wire:
            assert wire.ask(plain("/")).status == 200
    assert warm.long == []


def test_a_proxy_that_keeps_a_page_is_told_until_when_by_either_way(warm: Ways) -> None:
    for lines in (NGINX, (*NGINX, "If-None-Match: *")):
        warm.long.clear()
        with RawConnection(warm.lane.port) as wire:
            assert wire.ask(plain(POST, *lines)).headers["x-accel-expires"] == "@1700000000"
        assert warm.long == []
        assert b"x-accel-expires: @1700000000\r\n" in alike(warm, [plain(POST, *lines)])


def test_a_proxy_gets_the_packed_page_or_none_get_now(warm: Ways) -> None:
    warm.lane.app.ctx.pages.drop(None)
    with RawConnection(warm.lane.port) as wire:
        for _ in range(2):
            assert wire.ask(plain(POST, *NGINX)).headers["content-encoding"] == "br"


ASIDE = {
    "a body": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
    "chunks": b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a range": plain("/", "Range: bytes=0-1"),
    "an upgrade": plain("/", "Connection: Upgrade", "Upgrade: h2c"),
    "an end": plain("/", "Connection: close"),
    "an expectation": plain("/", "Expect: 100-continue"),
    "a session": plain("/", "Cookie: session=x"),
    "who waits": plain("/", "Cookie: a=b; __Host-waiting=x"),
    "HTTP/1.0": b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\nHost: x\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "an absolute address": b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "two at once": plain("/") + plain("/"),
    "HEAD": plain("/").replace(b"GET", b"HEAD"),
    "a query": plain("/?a=b"),
    "small letters": plain("/").replace(b"GET", b"get"),
    "a long head": plain("/", "X-Long: " + "x" * 5000),
    "the letter Omega": plain("/", "X-Name: \u03a9"),
}


@pytest.mark.parametrize("case", ASIDE)
def test_everything_else_goes_the_long_way(warm: Ways, case: str) -> None:
    assert alike(warm, [ASIDE[case]]) != b""
    assert warm.long != []


@pytest.mark.parametrize("way", ["lane", "off"])
def test_a_change_is_seen_on_a_held_connection(warm: Ways, way: str) -> None:
    client: AppClient = getattr(warm, way)
    with RawConnection(client.port) as wire:
        before = wire.ask(plain("/"))
        cast.choose(client.database, icp="京ICP备12345678号-1")
        time.sleep(0.002)
        assert "京ICP备" in wire.ask(plain("/")).text
        cast.choose(client.database, icp="")
        time.sleep(0.002)
        assert wire.ask(plain("/")).body == before.body


def test_a_refused_body_is_no_request(warm: Ways) -> None:
    """What still arrives of a body is not answered as if it had been asked."""
    hidden = plain("/")
    head = f"POST /no-such HTTP/1.1\r\nHost: x\r\nContent-Length: {len(hidden) + 50}\r\n\r\n"
    with RawConnection(warm.lane.port) as wire:
        wire.say(head.encode())
        time.sleep(0.2)
        wire.say(hidden)
        time.sleep(0.2)
        wire.say(b"x" * 50)
        assert wire.hear().status == 405
        with pytest.raises((EOFError, TimeoutError)):
            wire.line.settimeout(0.5)
            wire.hear()


def test_who_does_not_read_is_not_written_to_without_end(warm: Ways) -> None:
    """Past the buffers the lane leaves it to Sanic, which waits."""
    with RawConnection(warm.lane.port) as wire:
        wire.line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.line.settimeout(0.5)
        with suppress(TimeoutError):
            for _ in range(20_000):
                wire.say(plain("/"))
        (protocol,) = [one for one in warm.lane.server.connections if one.recv_buffer]
        assert protocol.transport.get_write_buffer_size() < 200_000


def test_what_goes_by_the_lane_is_counted(warm: Ways) -> None:
    pages = warm.lane.app.ctx.pages
    with RawConnection(warm.lane.port) as wire:
        wire.ask(plain("/"))
        (connection,) = warm.lane.server.connections
        hits, requests = pages.hits, connection.state["requests_count"]
        for _ in range(5):
            wire.ask(plain("/"))
        assert pages.hits == hits + 5
        assert connection.state["requests_count"] == requests + 5
    assert warm.long == []


@pytest.mark.parametrize("is_on", [True, False])
def test_the_access_log_has_the_same_lines_by_either_way(
    furnished: Furnished,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    is_on: bool,
) -> None:
    monkeypatch.setattr(access_logger, "propagate", True)
    config = Config(data_dir=tmp_path_factory.mktemp("logged"), access_log=True, lane=is_on)
    with AppClient(config, furnished) as client, RawConnection(client.port) as wire:
        etag = wire.ask(plain(POST)).headers["etag"]
        caplog.clear()
        wire.ask(plain(POST, "Cookie: a=b"))
        wire.ask(plain(POST, f"If-None-Match: {etag}"))
        wait_for(lambda: len(_lines(caplog)) == 2)
        size = len(wire.ask(plain(POST)).body)
        port = wire.line.getsockname()[1]
    whole, unchanged = _lines(caplog)[:2]
    asked = f"GET http://ink.example{POST}"
    assert whole[:4] == (200, size, f"127.0.0.1:{port}", asked)
    assert unchanged[:4] == (304, 0, f"127.0.0.1:{port}", asked)
    assert {words[4][-2:] for words in (whole, unchanged)} == {"ms"}


def _lines(caplog: pytest.LogCaptureFixture) -> list[tuple]:
    words = ("status", "byte", "host", "request", "duration")
    found = [record for record in caplog.records if record.name == "sanic.access"]
    return [tuple(getattr(record, word) for word in words) for record in found]


def test_a_connection_lives_as_long_as_something_goes_by_the_lane(
    warm: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(warm.lane.app.config, "KEEP_ALIVE_TIMEOUT", 1)
    with RawConnection(warm.lane.port) as wire:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert wire.ask(plain("/")).status == 200
            time.sleep(0.1)
        assert warm.long == []
        assert wire.is_closed()  # a moment after the last


def test_a_head_that_is_never_finished_is_given_up(
    warm: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(warm.lane.app.config, "REQUEST_TIMEOUT", 1)
    with RawConnection(warm.lane.port) as wire:
        wire.ask(plain("/"))
        wire.say(plain("/")[:-1])
        assert wire.hear().status == 408
        assert wire.is_closed()


def test_with_the_lane_off_everything_reaches_sanic(warm: Ways) -> None:
    with RawConnection(warm.off.port) as wire:
        wire.ask(plain("/"))
        wire.ask(plain("/"))
    assert len(warm.long) == 2


# --- what has become a request ---


@pytest.fixture
def handled(warm: Ways, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The targets that went through routes, middleware and a handler, with the lane off."""
    targets: list[bytes] = []
    pages = warm.off.app.ctx.pages
    real = pages.answer

    async def answer(request, target, make):
        targets.append(target)
        return await real(request, target, make)

    monkeypatch.setattr(pages, "answer", answer)
    return targets


SHORT = {
    "plain": plain(POST),
    "a browser": plain(POST, *CHROMIUM),
    "HEAD": plain(POST).replace(b"GET", b"HEAD"),
    "a cookie that is not ours": plain(POST, "Cookie: _ga=GA1.2.3"),
    "who has it": plain(POST, "If-None-Match: *"),
    "an encoding": plain(POST, "Accept-Encoding: gzip;q=0.5, br;q=0"),
    "an encoding, twice": plain(POST, "Accept-Encoding: gzip", "Accept-Encoding: br"),
    "an end": plain(POST, "Connection: close"),
    "HTTP/1.0": plain(POST).replace(b"1.1", b"1.0"),
    "a body": plain(POST, "Content-Length: 2") + b"hi",
    "a range": plain(POST, "Range: bytes=0-1"),
}


@pytest.mark.parametrize("case", SHORT)
def test_a_kept_page_needs_no_handler(warm: Ways, handled: list[bytes], case: str) -> None:
    assert alike(warm, [SHORT[case]]).startswith(b"HTTP/1.1 ")
    assert handled == [b"/robots.txt"] * handled.count(b"/robots.txt")


LONG = {
    "a session": plain(POST, "Cookie: session=x"),
    "who waits": plain(POST, "Cookie: a=b; __Host-waiting=x"),
    "what was said": plain(POST, "Cookie: flash=x"),
    "a second line of cookies": plain(POST, "Cookie: a=b", "Cookie: session=x"),
    "another method": plain(POST).replace(b"GET", b"POST"),
    "another spelling": plain(POST.replace("a-", "%61-", 1)),
    "a query": plain(POST + "?utm=x"),
    "a HEAD with a body": plain(POST, "Content-Length: 2").replace(b"GET", b"HEAD") + b"hi",
    "a proxy that keeps it": plain(POST, "X-Accel-Expires: @1"),
}


@pytest.mark.parametrize("case", LONG)
def test_who_may_get_something_else_goes_through_all_doors(
    warm: Ways, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    pages = warm.off.app.ctx.pages
    asked: list[bytes] = []
    real = pages.get_now
    monkeypatch.setattr(pages, "get_now", lambda *of: asked.append(real(*of)) or asked[-1])
    with RawConnection(warm.off.port) as wire:
        wire.ask(LONG[case])
    assert [sent for sent in asked if sent] == []


# --- the fuzz ---

METHODS = ["GET"] * 20 + ["HEAD", "POST", "OPTIONS", "get", "GETT", "G\tET", ""]
TARGETS = PATHS * 4 + [
    "/?page=2",
    "/tags/marmalade?page=2",
    "/tags/marmalade?page=1&utm=x",
    "/archive?page=0",
    "/no-such",
    "//",
    "/%2e%2e/",
    "/posts/%61-marmalade-morning",
    "/posts/a-marmalade-morning/",
    "/\u00e9",
    "*",
    "http://x/",
    "/#top",
    "/a b",
    "",
]
VERSIONS = ["HTTP/1.1"] * 20 + ["HTTP/1.0", "HTTP/2.0", "http/1.1", "HTTP/1.1 ", ""]
LINES = [
    *CHROMIUM,
    "Accept-Encoding: gzip",
    "accept-encoding: br;q=0, gzip;q=0.5",
    "ACCEPT-ENCODING: identity",
    "Accept-Encoding: *",
    "Accept-Encoding:gzip",
    "Accept-Encoding:  br ",
    "X-Accel-Expires: @1700000000",
    "x-accel-expires: @1",
    "If-None-Match: *",
    'If-None-Match: "x", W/"y"',
    "If-None-Match: ETAG",
    "If-None-Match: W/ETAG",
    "if-none-match: ETAG, ETAG",
    "If-Modified-Since: Sat, 21 Nov 2026 00:00:00 GMT",
    "Connection: Keep-Alive",
    "Connection: close",
    "Connection: keep-alive, Upgrade",
    "Connection:",
    "Cookie: a=b",
    "Cookie: session=zzz",
    "Cookie: mysession=1",
    "Cookie:",
    "Host: y",
    "host: x",
    "Content-Length: 0",
    "Content-Length: 5",
    "Content-Length: +5",
    "Content-Length: 5, 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding:\tchunked",
    "Expect: 100-continue",
    "Range: bytes=0-99",
    "Upgrade: websocket",
    "TE: trailers",
    "X: y\r\n folded",
    "X: y\rZ: w",
    "X: y\nZ: w",
    "X\x00: y",
    "X: \x00",
    ": y",
    "X",
    "X : y",
    "\u03a9: y",
    "X: " + "y" * 4200,
    "X: " + "y" * 9000,
]


@pytest.mark.fuzz
def test_odd_requests_get_the_same_answer_with_and_without_the_fast_path(
    warm: Ways, requests: int
) -> None:
    """Generated and mutated, alone and pipelined, whole and split: all ways say the same bytes."""
    chance = random.Random(20261121)  # noqa: S311 -- the same requests each time
    etag = _etag(warm)
    sent = said = 0
    while sent < requests:
        asked = [_request(chance, etag) for _ in range(chance.choice((1, 1, 2, 5, 20)))]
        pieces = _pieces(chance, asked)
        alike(warm, pieces)
        sent, said = sent + len(asked), said + len(pieces)
    assert len(warm.long) < said * 2.6  # or too little went by the lane


@pytest.fixture
def requests(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--fuzz")


def _etag(ways: Ways) -> str:
    with RawConnection(ways.lane.port) as wire:
        return wire.ask(plain("/")).headers["etag"].removeprefix("W/")


def _request(chance: random.Random, etag: str) -> bytes:
    """Mostly sound. The words of a body are those of another request."""
    if chance.random() < 0.4:
        lines = chance.sample(CHROMIUM, chance.randrange(len(CHROMIUM)))
        return plain(chance.choice(PATHS), *lines)
    lines = [chance.choice(LINES) for _ in range(chance.randrange(5))]
    if chance.random() < 0.95:
        lines.insert(0, "Host: ink.example")
    first = " ".join((chance.choice(METHODS), chance.choice(TARGETS), chance.choice(VERSIONS)))
    words = "\r\n".join([first, *lines, "", ""]).replace("ETAG", etag).encode()
    return _mutated(chance, words) if chance.random() < 0.2 else words


def _mutated(chance: random.Random, words: bytes) -> bytes:
    at = chance.randrange(len(words))
    odd = bytes([chance.choice((0, 9, 10, 13, 32, 58, 127, 128, 255, chance.randrange(256)))])
    return chance.choice(
        (
            words[:at] + odd + words[at:],
            words[:at] + odd + words[at + 1 :],
            words[:at] + words[at + 1 :],
            words[:at],
            words[:at] + words,
        )
    )


def _pieces(chance: random.Random, asked: list[bytes]) -> list[bytes]:
    """One request at a time, all in one, or cut anywhere."""
    way = chance.random()
    whole = b"".join(asked)
    if way < 0.6:
        return asked
    if way < 0.8:
        return [whole]
    cuts = sorted(chance.randrange(len(whole)) for _ in range(chance.randrange(1, 6)))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


END = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
MOMENT = 0.2  # seconds in which a server that has something to say has mostly said it
PATIENCE = 3
TRIES = 100


def alike(ways: Ways, pieces: list[bytes]) -> bytes:
    """The same bytes to each server, in the same steps; the same bytes must come back.

    Where Sanic closes on a fault with more unread, the last answers before it are lost at times,
    by any way; then all that they can say must be alike.
    """
    heard = [_talk(client.port, pieces) for client in ways.clients]
    for _ in range(TRIES):
        if len(set(heard)) == 1:
            return heard[0]
        again = [_talk(client.port, pieces) for client in ways.clients]
        heard = [_longer(*said) for said in zip(heard, again, strict=True)]
    raise AssertionError(f"{pieces}\n{heard}")


def _longer(one: bytes, other: bytes) -> bytes:
    short, long = sorted((one, other), key=len)
    assert long.startswith(short)
    return long


def _talk(port: int, pieces: list[bytes]) -> bytes:
    """All that comes over one connection until the other side ends, which it is asked to."""
    with RawConnection(port) as wire:
        said = b"".join(_step(wire, piece) for piece in pieces)
        with suppress(ConnectionError):
            wire.say(END)
        wire.line.settimeout(PATIENCE)
        with suppress(ConnectionError, TimeoutError):
            while piece := wire.line.recv(1 << 20):
                wire.waiting += piece
        return said + wire.waiting


def _step(wire: RawConnection, piece: bytes) -> bytes:
    """Say it, and wait for the answer if it looks like something that has one."""
    with suppress(ConnectionError):  # it may have closed already, with words on the way to us
        wire.say(piece)
    if not piece.endswith(b"\r\n\r\n"):
        return b""
    wire.line.settimeout(MOMENT)
    with suppress(EOFError, OSError, ValueError, IndexError):
        heard = wire.hear(is_head=piece.startswith(b"HEAD"))
        return heard.head + b"\r\n\r\n" + heard.body
    return b""


# --- at a real server ---


@pytest.mark.server
@pytest.mark.slow
def test_workers_with_the_lane_stop_get_now_and_cleanly(
    furnished: Furnished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = Config(data_dir=tmp_path_factory.mktemp("lane") / "data", port=free_port())
    config.data_dir.mkdir()
    shutil.copy(furnished.file, config.data_dir)
    with Site(replace(config)) as site:
        wires = [RawConnection(config.port) for _ in range(20)]
        assert {wire.ask(plain("/")).status for wire in wires for _ in range(5)} == {200}
        began = time.monotonic()
        assert site.stop() == 0
        assert time.monotonic() - began < 10
        for wire in wires:
            wire.line.close()
