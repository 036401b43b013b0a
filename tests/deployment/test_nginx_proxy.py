"""How the shipped nginx.conf forwards requests, and its own error pages."""

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from websockets.sync.client import connect

from blog.app import create_app
from blog.config import Config
from tests.conftest import need
from tests.deployment.streaming_app import PAUSE
from tests.deployment.test_servers_front import over_a_socket
from tests.support.live_server import ROOT, Site, free_port, program, wait_for
from tests.support.nginx_server import HOST, Nginx
from tests.support.raw_connection import RawConnection, plain

pytestmark = [pytest.mark.server, pytest.mark.nginx]


@pytest.fixture(autouse=True)
def nginx() -> None:
    need("nginx", program("nginx"))


# --- streams and websockets -------------------------------------------------------------------


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx in front of an application with streams and a websocket."""
    need("nginx", program("nginx"))
    port = free_port()
    command = [
        str(Path(sys.executable).parent / "sanic"),
        "tests.deployment.streaming_app:app",
        "--single-process",
    ]
    process = subprocess.Popen([*command, "-p", str(port), "--no-motd"], cwd=ROOT)
    folder = tmp_path_factory.mktemp("talk")
    with Nginx(Site(Config(data_dir=folder, port=port))) as front:
        wait_for(lambda: front.get("/").status == 404)
        yield front
    process.terminate()
    process.wait(20)


def arrivals(front: Nginx, path: str, accept: str) -> list[float]:
    """Return the time of each part of a response, relative to the first."""
    with socket.create_connection(("127.0.0.1", front.port), 20) as line:
        line.sendall(plain(path, f"Accept: {accept}", "Accept-Encoding: gzip, br"))
        received, times = b"", []
        while b"\r\n0\r\n\r\n" not in received:
            received += line.recv(65536)
            times.append(time.monotonic())
    assert received.startswith(b"HTTP/1.1 200")
    return [moment - times[0] for moment in times]


@pytest.mark.parametrize(
    ("path", "accept"), [("/told", "text/event-stream"), ("/slowly", "text/html")]
)
def test_events_are_forwarded_without_buffering(talking: Nginx, path: str, accept: str) -> None:
    times = arrivals(talking, path, accept)
    assert times[-1] > 1.5 * PAUSE
    assert any(0.5 * PAUSE < moment < 1.5 * PAUSE for moment in times)


def test_a_websocket_is_forwarded_and_stays_open(talking: Nginx) -> None:
    with (
        socket.create_connection(("127.0.0.1", talking.port)) as line,
        connect(f"ws://{HOST}/talk", sock=line) as talk,
    ):
        for word in ("茶", "tea"):
            talk.send(word)
            assert talk.recv(20) == f"You said {word}"
            time.sleep(PAUSE)


def test_upgrades_to_other_protocols_are_not_forwarded(talking: Nginx) -> None:
    """An upgrade to HTTP/2 would bypass the rules of nginx."""
    lines = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    with RawConnection(talking.port) as wire:
        assert wire.ask(plain("/nothing", *lines)).status == 404


# --- connections to the blog ------------------------------------------------------------------


LONG = 20_000_000  # bytes; more than the kernel buffers for a client that does not read


class Blog(ThreadingHTTPServer):
    """Stands in for the blog: records the connection of each request and closes some early."""

    daemon_threads = True

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, int]] = []
        self.answered: list[str] = []
        self.to_drop = 0
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Blog

    def do_GET(self) -> None:
        self.server.requests.append((self.command, self.path, self.client_address[1]))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.to_drop:
            self.server.to_drop -= 1
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        body = b"x" * LONG if self.path == "/search?q=long" else b"ok"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.answered.append(self.path)

    do_POST = do_HEAD = do_GET  # noqa: N815 -- as the library calls them

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def nginx_and_blog(tmp_path: Path) -> Iterator[tuple[Nginx, Blog]]:
    with Blog() as blog:
        threading.Thread(target=blog.serve_forever, daemon=True).start()
        port = blog.server_address[1]
        with Nginx(Site(Config(data_dir=tmp_path, port=port))) as front:
            blog.requests.clear()
            blog.answered.clear()  # requests made while waiting for nginx
            yield front, blog
        blog.shutdown()


def test_page_requests_share_connections_and_forms_do_not(
    nginx_and_blog: tuple[Nginx, Blog],
) -> None:
    front, blog = nginx_and_blog
    for number in range(20):
        front.get(f"/{number}")
        front.ask("/control-panel/x", "POST", b"a=b")
    lines = {
        method: [at for kind, _, at in blog.requests if kind == method]
        for method in ("GET", "POST")
    }
    assert len(set(lines["GET"])) <= 2  # one for each worker of nginx
    assert len(set(lines["POST"])) == 20
    assert not set(lines["GET"]) & set(lines["POST"])


def clients() -> list[str]:
    """Return the addresses of all forms, with a value for each parameter."""
    routes = create_app(Config(data_dir=Path("nowhere")), "blog-of-forms").router.routes
    sent = sorted({"/" + route.path for route in routes if "POST" in route.methods})
    assert len(sent) > 40
    return [re.sub(r"<[^>]+>", "7", path) for path in sent]


def test_no_form_uses_the_shared_connections(nginx_and_blog: tuple[Nginx, Blog]) -> None:
    front, blog = nginx_and_blog
    front.get("/")
    for path in clients():
        front.ask(path, "POST", b"a=b")
    readers = {at for kind, _, at in blog.requests if kind == "GET"}
    assert not readers & {at for kind, _, at in blog.requests if kind == "POST"}
    forms = [path for kind, path, _ in blog.requests if kind == "POST"]
    assert len(forms) > 40  # nginx limited the rate of the rest


def test_an_interrupted_page_request_is_retried_and_a_form_is_not(
    nginx_and_blog: tuple[Nginx, Blog],
) -> None:
    front, blog = nginx_and_blog
    for path in ("/first", "/search?q=x", "/sign-in"):
        blog.to_drop = 1
        assert front.get(path).status == 200
        assert [at for _, at, _ in blog.requests].count(path) == 2
    blog.to_drop = 1
    assert front.ask("/sign-in", "POST", b"a=b").status == 503
    assert [kind for kind, _, _ in blog.requests].count("POST") == 1


def test_only_known_query_parameters_are_forwarded(nginx_and_blog: tuple[Nginx, Blog]) -> None:
    front, blog = nginx_and_blog
    handed = {
        "/tags/x?page=2": "/tags/x?page=2",
        "/tags/x?utm_source=y&page=3&z": "/tags/x?page=3",
        "/tags/x?PAGE=2": "/tags/x",
        "/%E8%8C%B6?fbclid=x": "/%E8%8C%B6",
        "/a%2Fb//c?x": "/a%2Fb//c",
        "/search?q=x&page=2": "/search?q=x&page=2",
        "/sign-in?next=/admin/": "/sign-in?next=/admin/",
        "/set-up?key=x": "/set-up?key=x",
        "/comments/7?answers=8": "/comments/7?answers=8",
        "/admin/posts?page=2&state=x": "/admin/posts?page=2&state=x",
        "/control-panel/?title=x": "/control-panel/?title=x",
        "/look/preview?ink=blue": "/look/preview?ink=blue",
        "/comments/7/feed.atom?x=y": "/comments/7/feed.atom",
        "/comments/7/rss.xml?x=y": "/comments/7/rss.xml",
        "/comments/7/feed.json/page/2?x=y": "/comments/7/feed.json/page/2",
    }
    for path in handed:
        front.get(path)
    assert [path for _, path, _ in blog.requests] == list(handed.values())


def test_every_parameter_that_public_pages_read_is_forwarded() -> None:
    """A new one needs a location in nginx.conf, and a line in the test above."""
    sources = [path.read_text() for path in (ROOT / "blog/home").glob("*.py")]
    read = set(re.findall(r'args\.get\("(\w+)"', "".join(sources)))
    assert read == {"answers", "key", "next", "page", "q"}


def test_a_slow_reader_does_not_occupy_the_blog(nginx_and_blog: tuple[Nginx, Blog]) -> None:
    """nginx buffers the whole response, so that the blog is free."""
    front, blog = nginx_and_blog
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", front.port), 20))
            line.sendall(plain("/search?q=long"))
        wait_for(lambda: len(blog.answered) == 8, 20)
        assert front.get("/about").status == 200


def test_a_slow_form_reaches_the_blog_only_when_complete(
    nginx_and_blog: tuple[Nginx, Blog],
) -> None:
    front, blog = nginx_and_blog
    head = b"POST /sign-in HTTP/1.1\r\nHost: ink.example\r\nContent-Length: 4\r\n\r\n"
    with RawConnection(front.port) as wire:
        for piece in (head, b"a=", b"b"):
            wire.say(piece)
            time.sleep(0.2)
            assert blog.requests == []
        assert wire.ask(b"c").status == 200
    assert [kind for kind, _, _ in blog.requests] == ["POST"]


def test_nginx_limits_the_rate_of_searches(nginx_and_blog: tuple[Nginx, Blog]) -> None:
    front, _ = nginx_and_blog
    statuses = [front.get(f"/search?q={number}").status for number in range(60)]
    assert statuses[:30] == [200] * 30
    assert statuses.count(429) > 15
    assert front.get("/").status == 200


# --- error pages of nginx --------------------------------------------------------------------

ALL = {
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
}
REFUSED = {
    400: plain("/", "X-Long: " + "x" * 9000),
    403: None,
    404: plain("/.well-known/acme-challenge/nothing"),
    405: b"TRACE / HTTP/1.1\r\nHost: ink.example\r\n\r\n",
    413: b"GET /about HTTP/1.1\r\nHost: ink.example\r\nContent-Length: 99000000\r\n\r\n",
    414: plain("/" + "x" * 9000),
    421: b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    503: plain("/about"),
    505: b"GET / HTTP/3.0\r\nHost: ink.example\r\n\r\n",
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx without a blog behind it."""
    need("nginx", program("nginx"))
    with Nginx(Site(Config(data_dir=tmp_path_factory.mktemp("alone"), port=free_port()))) as front:
        yield front


@pytest.mark.parametrize("status", REFUSED)
def test_every_error_page_of_nginx_has_security_headers(alone: Nginx, status: int) -> None:
    payload = REFUSED[status]
    if payload is None:
        source = ("127.0.0.2", 0)
        line = socket.create_connection(("127.0.0.1", alone.port), 20, source)
        payload = plain("/health/live")
    else:
        line = socket.create_connection(("127.0.0.1", alone.port), 20)
    with line, contextlib.suppress(ConnectionResetError):
        line.sendall(payload)
        received = b""
        while b"\r\n\r\n" not in received and (piece := line.recv(65536)):
            received += piece
    head = received.partition(b"\r\n\r\n")[0].decode()
    names = [name.lower() for name in re.findall(r"(?m)^([\w-]+):", head)]
    assert head.startswith(f"HTTP/1.1 {status}")
    assert set(names) >= ALL and len(names) == len(set(names))


# --- many connections -------------------------------------------------------------------------


@pytest.mark.slow
def test_a_thousand_connections_over_a_unix_socket_get_a_response(config: Config) -> None:
    need("wrk", program("wrk"))
    with over_a_socket(config) as (_, front):
        for count in (256, 1024):
            for header in ("Accept: */*", "Cookie: session=x"):  # cached, and forwarded each time
                assert crowd(front, count, header) == 0
        assert not re.search(r"\(11: |no live upstreams", front.errors)


def crowd(front: Nginx, count: int, header: str) -> int:
    """Send many requests and return how many failed."""
    command = [str(program("wrk")), "-t1", f"-c{count}", "-d4", "--timeout", "20"]
    command += ["-H", f"Host: {HOST}", "-H", header, f"http://127.0.0.1:{front.port}/robots.txt"]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert int(re.findall(r"(\d+) requests in", output)[0]) > 200
    found = re.findall(
        r"Non-2xx or 3xx responses: (\d+)|(?:connect|read|write|timeout) (\d+)", output
    )
    return sum(int(number) for pair in found for number in pair if number)
