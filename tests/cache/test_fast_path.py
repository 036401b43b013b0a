"""The fast path answers with the same bytes as the normal path, or leaves the request to it."""

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

NGINX = (  # what nginx.conf sends, to cache the response
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
class Servers:
    """Three servers of the same blog.

    One has the fast path, one has it turned off, and one never serves a cached page before routing.
    `received` has the size of each piece of data that reached Sanic's own protocol in any of them.
    """

    fast: AppClient
    normal: AppClient
    slowest: AppClient
    received: list[int]

    @property
    def clients(self) -> tuple[AppClient, ...]:
        return self.fast, self.normal, self.slowest


@pytest.fixture(scope="module")
def servers(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        received: list[int] = []
        real = HttpProtocol.data_received

        def counted(self: HttpProtocol, data: bytes) -> None:
            received.append(len(data))
            real(self, data)

        patch.setattr(HttpProtocol, "data_received", counted)
        clients = []
        for is_on in (True, False, False):
            config = Config(data_dir=tmp_path_factory.mktemp("server"), lane=is_on)
            shutil.copy(furnished.file, config.data_dir)
            clients.append(stack.enter_context(AppClient(config)))
        patch.setattr(clients[-1].app.ctx.page_cache, "get_now", lambda *_: None)
        yield Servers(*clients, received)


@pytest.fixture
def warm(servers: Servers) -> Servers:
    """The servers, with every path cached and compressed."""
    for client in servers.clients:
        with RawConnection(client.port) as connection:
            for path in PATHS:
                wait_for(lambda path=path: is_compressed(connection, path))
    servers.received.clear()
    return servers


def is_compressed(connection: RawConnection, path: str) -> bool:
    return "content-encoding" in connection.ask(plain(path, "Accept-Encoding: br")).headers


# --- what the fast path answers ---


@pytest.mark.parametrize("lines", [(), CHROMIUM, ("Cookie: _ga=GA1.2.3",), NGINX], ids=str)
def test_a_simple_request_for_a_cached_page_never_reaches_sanic(
    warm: Servers, lines: tuple[str, ...]
) -> None:
    with RawConnection(warm.fast.port) as connection:
        for path in PATHS:
            assert connection.ask(plain(path, *lines)).status == 200
    assert warm.received == []


def test_the_fast_path_answers_the_first_request_of_a_connection_too(warm: Servers) -> None:
    for _ in range(300):
        with RawConnection(warm.fast.port) as connection:
            assert connection.ask(plain("/")).status == 200
    assert warm.received == []


def test_a_caching_proxy_gets_the_expiry_on_every_path(warm: Servers) -> None:
    for lines in (NGINX, (*NGINX, "If-None-Match: *")):
        warm.received.clear()
        with RawConnection(warm.fast.port) as connection:
            assert connection.ask(plain(POST, *lines)).headers["x-accel-expires"] == "@1700000000"
        assert warm.received == []
        assert b"x-accel-expires: @1700000000\r\n" in same_answer(warm, [plain(POST, *lines)])


def test_a_caching_proxy_always_gets_the_compressed_page(warm: Servers) -> None:
    warm.fast.app.ctx.page_cache.drop(None)
    with RawConnection(warm.fast.port) as connection:
        for _ in range(2):
            assert connection.ask(plain(POST, *NGINX)).headers["content-encoding"] == "br"


NOT_FAST = {
    "a body": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
    "a chunked body": b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a range": plain("/", "Range: bytes=0-1"),
    "an upgrade": plain("/", "Connection: Upgrade", "Upgrade: h2c"),
    "a connection to be closed": plain("/", "Connection: close"),
    "an expectation": plain("/", "Expect: 100-continue"),
    "a session cookie": plain("/", "Cookie: session=x"),
    "a cookie of a pending comment": plain("/", "Cookie: a=b; __Host-waiting=x"),
    "HTTP/1.0": b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\nHost: x\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "an absolute address": b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "two pipelined requests": plain("/") + plain("/"),
    "HEAD": plain("/").replace(b"GET", b"HEAD"),
    "a query": plain("/?a=b"),
    "a method in lower case": plain("/").replace(b"GET", b"get"),
    "long headers": plain("/", "X-Long: " + "x" * 5000),
    "the letter Omega": plain("/", "X-Name: \u03a9"),
}


@pytest.mark.parametrize("case", NOT_FAST)
def test_everything_else_takes_the_normal_path(warm: Servers, case: str) -> None:
    assert same_answer(warm, [NOT_FAST[case]]) != b""
    assert warm.received != []


@pytest.mark.parametrize("server", ["fast", "normal"])
def test_a_change_is_noticed_on_an_open_connection(warm: Servers, server: str) -> None:
    client: AppClient = getattr(warm, server)
    with RawConnection(client.port) as connection:
        before = connection.ask(plain("/"))
        cast.choose(client.database, icp="京ICP备12345678号-1")
        time.sleep(0.002)
        assert "京ICP备" in connection.ask(plain("/")).text
        cast.choose(client.database, icp="")
        time.sleep(0.002)
        assert connection.ask(plain("/")).body == before.body


def test_a_rejected_body_is_not_taken_for_a_request(warm: Servers) -> None:
    """The rest of a rejected body is not answered as if it were a request."""
    hidden = plain("/")
    head = f"POST /no-such HTTP/1.1\r\nHost: x\r\nContent-Length: {len(hidden) + 50}\r\n\r\n"
    with RawConnection(warm.fast.port) as connection:
        connection.say(head.encode())
        time.sleep(0.2)
        connection.say(hidden)
        time.sleep(0.2)
        connection.say(b"x" * 50)
        assert connection.hear().status == 405
        with pytest.raises((EOFError, TimeoutError)):
            connection.line.settimeout(0.5)
            connection.hear()


def test_a_client_that_does_not_read_is_not_written_to_without_limit(warm: Servers) -> None:
    """When the buffers are full, the fast path leaves requests to Sanic, which waits."""
    with RawConnection(warm.fast.port) as connection:
        connection.line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.line.settimeout(0.5)
        with suppress(TimeoutError):
            for _ in range(20_000):
                connection.say(plain("/"))
        (protocol,) = [open for open in warm.fast.server.connections if open.recv_buffer]
        assert protocol.transport.get_write_buffer_size() < 200_000


def test_answers_of_the_fast_path_are_counted(warm: Servers) -> None:
    pages = warm.fast.app.ctx.page_cache
    with RawConnection(warm.fast.port) as connection:
        connection.ask(plain("/"))
        (protocol,) = warm.fast.server.connections
        hits, requests = pages.hits, protocol.state["requests_count"]
        for _ in range(5):
            connection.ask(plain("/"))
        assert pages.hits == hits + 5
        assert protocol.state["requests_count"] == requests + 5
    assert warm.received == []


@pytest.mark.parametrize("is_on", [True, False])
def test_the_access_log_is_the_same_on_either_path(
    furnished: Furnished,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    is_on: bool,
) -> None:
    monkeypatch.setattr(access_logger, "propagate", True)
    config = Config(data_dir=tmp_path_factory.mktemp("logged"), access_log=True, lane=is_on)
    with AppClient(config, furnished) as client, RawConnection(client.port) as connection:
        etag = connection.ask(plain(POST)).headers["etag"]
        caplog.clear()
        connection.ask(plain(POST, "Cookie: a=b"))
        connection.ask(plain(POST, f"If-None-Match: {etag}"))
        wait_for(lambda: len(_access_log(caplog)) == 2)
        size = len(connection.ask(plain(POST)).body)
        port = connection.line.getsockname()[1]
    whole, unchanged = _access_log(caplog)[:2]
    request = f"GET http://ink.example{POST}"
    assert whole[:4] == (200, size, f"127.0.0.1:{port}", request)
    assert unchanged[:4] == (304, 0, f"127.0.0.1:{port}", request)
    assert {entry[4][-2:] for entry in (whole, unchanged)} == {"ms"}


def _access_log(caplog: pytest.LogCaptureFixture) -> list[tuple]:
    fields = ("status", "byte", "host", "request", "duration")
    records = [record for record in caplog.records if record.name == "sanic.access"]
    return [tuple(getattr(record, field) for field in fields) for record in records]


def test_the_fast_path_keeps_a_connection_alive(
    warm: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(warm.fast.app.config, "KEEP_ALIVE_TIMEOUT", 1)
    with RawConnection(warm.fast.port) as connection:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert connection.ask(plain("/")).status == 200
            time.sleep(0.1)
        assert warm.received == []
        assert connection.is_closed()  # one second after the last request


def test_an_incomplete_request_times_out(warm: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(warm.fast.app.config, "REQUEST_TIMEOUT", 1)
    with RawConnection(warm.fast.port) as connection:
        connection.ask(plain("/"))
        connection.say(plain("/")[:-1])
        assert connection.hear().status == 408
        assert connection.is_closed()


def test_with_the_fast_path_off_everything_reaches_sanic(warm: Servers) -> None:
    with RawConnection(warm.normal.port) as connection:
        connection.ask(plain("/"))
        connection.ask(plain("/"))
    assert len(warm.received) == 2


# --- cached pages for requests that Sanic has parsed ---


@pytest.fixture
def handled(warm: Servers, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The targets that reached a handler, with the fast path off."""
    targets: list[bytes] = []
    pages = warm.normal.app.ctx.page_cache
    real = pages.answer

    async def answer(request, target, make):
        targets.append(target)
        return await real(request, target, make)

    monkeypatch.setattr(pages, "answer", answer)
    return targets


FROM_CACHE = {
    "plain": plain(POST),
    "a browser": plain(POST, *CHROMIUM),
    "HEAD": plain(POST).replace(b"GET", b"HEAD"),
    "a cookie that is not ours": plain(POST, "Cookie: _ga=GA1.2.3"),
    "a matching ETag": plain(POST, "If-None-Match: *"),
    "Accept-Encoding with weights": plain(POST, "Accept-Encoding: gzip;q=0.5, br;q=0"),
    "two Accept-Encoding headers": plain(POST, "Accept-Encoding: gzip", "Accept-Encoding: br"),
    "a connection to be closed": plain(POST, "Connection: close"),
    "HTTP/1.0": plain(POST).replace(b"1.1", b"1.0"),
    "a body": plain(POST, "Content-Length: 2") + b"hi",
    "a range": plain(POST, "Range: bytes=0-1"),
}


@pytest.mark.parametrize("case", FROM_CACHE)
def test_a_cached_page_is_served_without_a_handler(
    warm: Servers, handled: list[bytes], case: str
) -> None:
    assert same_answer(warm, [FROM_CACHE[case]]).startswith(b"HTTP/1.1 ")
    assert handled == [b"/robots.txt"] * handled.count(b"/robots.txt")


NOT_FROM_CACHE = {
    "a session cookie": plain(POST, "Cookie: session=x"),
    "a cookie of a pending comment": plain(POST, "Cookie: a=b; __Host-waiting=x"),
    "a flash cookie": plain(POST, "Cookie: flash=x"),
    "two Cookie headers": plain(POST, "Cookie: a=b", "Cookie: session=x"),
    "another method": plain(POST).replace(b"GET", b"POST"),
    "another spelling": plain(POST.replace("a-", "%61-", 1)),
    "a query": plain(POST + "?utm=x"),
    "a HEAD with a body": plain(POST, "Content-Length: 2").replace(b"GET", b"HEAD") + b"hi",
    "a caching proxy": plain(POST, "X-Accel-Expires: @1"),
}


@pytest.mark.parametrize("case", NOT_FROM_CACHE)
def test_a_request_that_may_get_another_answer_is_not_served_from_the_cache(
    warm: Servers, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    pages = warm.normal.app.ctx.page_cache
    answers: list[object] = []
    real = pages.get_now

    def get_now(*args: object) -> object:
        variant = real(*args)
        answers.append(variant)
        return variant

    monkeypatch.setattr(pages, "get_now", get_now)
    with RawConnection(warm.normal.port) as connection:
        connection.ask(NOT_FROM_CACHE[case])
    assert not any(answers)


# --- fuzzing ---

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
def test_odd_requests_get_the_same_answer_from_all_servers(warm: Servers, requests: int) -> None:
    """Generated, mutated, pipelined and split requests get the same bytes from all servers."""
    chance = random.Random(20261121)  # noqa: S311 -- the same requests each time
    etag = _etag(warm)
    requests_sent = pieces_sent = 0
    while requests_sent < requests:
        batch = [_request(chance, etag) for _ in range(chance.choice((1, 1, 2, 5, 20)))]
        pieces = _pieces(chance, batch)
        same_answer(warm, pieces)
        requests_sent += len(batch)
        pieces_sent += len(pieces)
    assert len(warm.received) < pieces_sent * 2.6  # otherwise the fast path answered too few


@pytest.fixture
def requests(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--fuzz")


def _etag(servers: Servers) -> str:
    with RawConnection(servers.fast.port) as connection:
        return connection.ask(plain("/")).headers["etag"].removeprefix("W/")


def _request(chance: random.Random, etag: str) -> bytes:
    """A request, valid in most cases. What follows an announced body is another request."""
    if chance.random() < 0.4:
        lines = chance.sample(CHROMIUM, chance.randrange(len(CHROMIUM)))
        return plain(chance.choice(PATHS), *lines)
    lines = [chance.choice(LINES) for _ in range(chance.randrange(5))]
    if chance.random() < 0.95:
        lines.insert(0, "Host: ink.example")
    first = " ".join((chance.choice(METHODS), chance.choice(TARGETS), chance.choice(VERSIONS)))
    text = "\r\n".join([first, *lines, "", ""]).replace("ETAG", etag).encode()
    return _mutated(chance, text) if chance.random() < 0.2 else text


def _mutated(chance: random.Random, text: bytes) -> bytes:
    at = chance.randrange(len(text))
    odd = bytes([chance.choice((0, 9, 10, 13, 32, 58, 127, 128, 255, chance.randrange(256)))])
    return chance.choice(
        (
            text[:at] + odd + text[at:],
            text[:at] + odd + text[at + 1 :],
            text[:at] + text[at + 1 :],
            text[:at],
            text[:at] + text,
        )
    )


def _pieces(chance: random.Random, batch: list[bytes]) -> list[bytes]:
    """Split a batch: one request at a time, all in one piece, or cut anywhere."""
    kind = chance.random()
    whole = b"".join(batch)
    if kind < 0.6:
        return batch
    if kind < 0.8:
        return [whole]
    cuts = sorted(chance.randrange(len(whole)) for _ in range(chance.randrange(1, 6)))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


END = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ANSWER_TIMEOUT = 0.2  # seconds; nearly every answer has arrived by then
END_TIMEOUT = 3  # seconds
ATTEMPTS = 100


def same_answer(servers: Servers, pieces: list[bytes]) -> bytes:
    """Send the same pieces to each server, and return their answer, which must be the same.

    If Sanic closes a connection after an error with data unread, the last answers are sometimes
    lost, on any path. So this is repeated, and the longest answers of the servers are compared.
    """
    answers = [_exchange(client.port, pieces) for client in servers.clients]
    for _ in range(ATTEMPTS):
        if len(set(answers)) == 1:
            return answers[0]
        again = [_exchange(client.port, pieces) for client in servers.clients]
        answers = [_longer(*pair) for pair in zip(answers, again, strict=True)]
    raise AssertionError(f"{pieces}\n{answers}")


def _longer(first: bytes, second: bytes) -> bytes:
    shorter, longer = sorted((first, second), key=len)
    assert longer.startswith(shorter)
    return longer


def _exchange(port: int, pieces: list[bytes]) -> bytes:
    """Send the pieces on one connection, ask for its end, and return everything received."""
    with RawConnection(port) as connection:
        received = b"".join(_send_piece(connection, piece) for piece in pieces)
        with suppress(ConnectionError):
            connection.say(END)
        connection.line.settimeout(END_TIMEOUT)
        with suppress(ConnectionError, TimeoutError):
            while piece := connection.line.recv(1 << 20):
                connection.waiting += piece
        return received + connection.waiting


def _send_piece(connection: RawConnection, piece: bytes) -> bytes:
    """Send a piece, and wait for the answer if the piece ends a request."""
    with suppress(ConnectionError):  # the server may have closed it, with an answer on the way
        connection.say(piece)
    if not piece.endswith(b"\r\n\r\n"):
        return b""
    connection.line.settimeout(ANSWER_TIMEOUT)
    with suppress(EOFError, OSError, ValueError, IndexError):
        response = connection.hear(is_head=piece.startswith(b"HEAD"))
        return response.head + b"\r\n\r\n" + response.body
    return b""


# --- a real server ---


@pytest.mark.server
@pytest.mark.slow
def test_workers_with_open_connections_stop_quickly_and_cleanly(
    furnished: Furnished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = Config(data_dir=tmp_path_factory.mktemp("fast_path") / "data", port=free_port())
    config.data_dir.mkdir()
    shutil.copy(furnished.file, config.data_dir)
    with Site(replace(config)) as site:
        connections = [RawConnection(config.port) for _ in range(20)]
        assert {
            connection.ask(plain("/")).status for connection in connections for _ in range(5)
        } == {200}
        began = time.monotonic()
        assert site.stop() == 0
        assert time.monotonic() - began < 10
        for connection in connections:
            connection.line.close()
