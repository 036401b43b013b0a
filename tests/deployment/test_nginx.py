"""The shipped nginx.conf in a real nginx, with the real blog behind it."""

import concurrent.futures
import contextlib
import http.client
import os
import re
import signal
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from blog.config import Config
from tests.support.live_server import ROOT, Reply, Site, environment, free_port, wait_for
from tests.support.nginx_server import FORGED, HOST, Listener, Nginx

pytestmark = [pytest.mark.server, pytest.mark.nginx]

SAFE_HEADERS = ("content-security-policy", "x-content-type-options")


@pytest.fixture(scope="module")
def stylesheet(front: Nginx) -> str:
    """The address of a file that every page loads."""
    address = re.search(r"/static/\w+/[\w/]+\.css", front.get("/").text)
    assert address
    return address[0]


def raw(front: Nginx, payload: bytes, wait: float = 20) -> bytes:
    """Send exactly these bytes and return the whole response."""
    with socket.create_connection(("127.0.0.1", front.port), wait) as line:
        line.sendall(payload)
        received = b""
        while piece := line.recv(65536):
            received += piece
        return received


def assert_protected(reply: Reply) -> None:
    assert all(reply.headers.get(name) for name in SAFE_HEADERS), reply


# --- pages and files -------------------------------------------------------------------------


def test_pages_come_from_the_blog_without_repeated_headers(front):
    reply = front.get("/")
    assert reply.status == 200
    line = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
    line.request("GET", "/", headers={"Host": HOST})
    names = [name.lower() for name, _ in line.getresponse().getheaders()]
    line.close()
    assert len(names) == len(set(names))
    assert_protected(reply)


AREAS = re.findall(
    r"(?m)^ *location (?:\^~ )?(/[a-z-]+)/ ", ROOT.joinpath("nginx.conf").read_text()
)


@pytest.mark.parametrize("area", AREAS)
def test_an_area_is_found_without_a_trailing_slash(front, site, area):
    through, direct = front.get(area), site.get(area)
    assert through.status == direct.status
    assert through.headers.get("location") == direct.headers.get("location")


def test_the_dashboard_and_the_admin_area_require_a_sign_in(front):
    for area in ("/control-panel", "/admin"):
        reply = front.get(area)
        assert (reply.status, reply.headers["location"]) == (
            303,
            f"/sign-in?next={quote(area, safe='')}",
        )


def test_a_failed_condition_is_refused_with_security_headers(front, stylesheet):
    for path in ("/", "/archive?page=1", stylesheet):
        reply = front.get(path, If_Match='"another"')
        assert reply.status == 412
        assert_protected(reply)


def test_static_files_come_from_disk_compressed_and_cached_for_a_year(front, stylesheet):
    plain = front.get(stylesheet)
    packed = front.get(stylesheet, Accept_Encoding="gzip")
    assert (plain.status, packed.status) == (200, 200)
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) < len(plain.body)
    assert "immutable" in plain.headers["cache-control"]
    assert "etag" in plain.headers  # set by nginx; the blog sends none
    assert_protected(plain)


def test_nginx_and_the_blog_serve_static_files_identically(front, site, stylesheet):
    for path in (stylesheet, stylesheet.replace(".css", ".nothing"), "/static/nothing"):
        through, direct = front.get(path), site.get(path)
        assert through.status == direct.status
        assert through.headers["content-type"] == direct.headers["content-type"]
        assert through.headers.get("cache-control") == direct.headers.get("cache-control")


def test_nginx_sends_the_same_content_type_for_every_static_file(front, site):
    from blog.web.collectstatic import TYPES

    root = site.config.data_dir / "static" / "types"
    root.mkdir(exist_ok=True)
    for suffix, type in TYPES.items():
        root.joinpath(f"file{suffix}").write_text("x")
        assert front.get(f"/static/types/file{suffix}").headers["content-type"] == type


def test_pictures_come_from_disk_with_a_strict_policy(front, site):
    folder = site.config.media_dir / "aa"
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath("0123456789abcdef0123456789abcdef.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    reply = front.get("/media/aa/0123456789abcdef0123456789abcdef.png")
    assert (reply.status, reply.headers["content-type"]) == (200, "image/png")
    assert "immutable" in reply.headers["cache-control"]
    assert "sandbox" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../blog.sqlite3",
        "/static/..%2fblog.sqlite3",
        "/static/%2e%2e/secret",
        "/media/../secret",
        "/media/..%2fsecret",
        "/media//../secret",
        "/blog.sqlite3",
        "/secret",
        "/static",
        "/media/",
        "/static/",
    ],
)
def test_nothing_else_of_the_data_folder_can_be_fetched(front, site, path):
    reply = front.get(path)
    assert reply.status in (301, 400, 404)
    secret = site.config.data_dir.joinpath("secret").read_bytes()
    assert secret not in reply.body
    assert b"SQLite format" not in reply.body


def test_the_blog_serves_files_that_nginx_cannot_read(site, stylesheet, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can start an nginx whose workers may not read our files")
    with Nginx(site, may_read=False) as front:
        reply = front.get(stylesheet)
    assert reply.status == 200
    assert "etag" not in reply.headers


def test_metrics_are_available_only_on_this_machine(front):
    assert front.get("/health/live").status == 200
    line = http.client.HTTPConnection(
        "127.0.0.1", front.port, timeout=20, source_address=("127.0.0.2", 0)
    )
    line.request("GET", "/health/live", headers={"Host": HOST})
    assert line.getresponse().status == 403
    line.close()


# --- hosts and client addresses ---------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "", f"{HOST}.evil.example"])
def test_another_host_name_does_not_reach_the_blog(front, host):
    answer = raw(front, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] in (b"421", b"400")


@pytest.mark.parametrize(
    "payload",
    [
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: ink.example\r\nHost: evil.example\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: ink.example\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET",
        b"POST / HTTP/1.1\r\nHost: ink.example\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST / HTTP/1.1\r\nHost: ink.example\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: ink.example\r\nConnection: close\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: ink.example\r\nConnection: close\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_ambiguous_requests_are_refused_by_nginx(front, payload):
    answers = raw(front, payload)
    assert answers.count(b"HTTP/1.1 ") == 1
    assert answers.split(b" ")[1] in (b"400", b"405", b"421")


def test_only_nginx_sets_the_forwarded_headers(tmp_path):
    with Listener() as listener:
        stand_in = Site(Config(data_dir=tmp_path, port=listener.port))
        with Nginx(stand_in) as front:
            listener.requests.clear()
            assert front.get("/", **FORGED).status == 204
    forwarded = listener.requests[0].decode().lower()
    assert "6.6.6.6" not in forwarded
    assert "evil" not in forwarded
    assert "x-forwarded-for: 127.0.0.1\r\n" in forwarded
    assert "x-forwarded-proto: http\r\n" in forwarded
    assert f"host: {HOST}\r\n" in forwarded
    assert "\r\nforwarded:" not in forwarded
    assert "origin: https://elsewhere.example\r\n" in forwarded
    assert "sec-fetch-site: cross-site\r\n" in forwarded


# --- limits and failures ----------------------------------------------------------------------


def test_nginx_limits_the_rate_of_form_submissions(tmp_path):
    with (
        Listener() as listener,
        Nginx(Site(Config(data_dir=tmp_path, port=listener.port))) as front,
    ):
        hammered = [front.ask("/sign-in", "POST", b"login=ann") for _ in range(60)]
        refused = [reply for reply in hammered if reply.status == 429]
        assert [reply.status for reply in hammered[:30]] == [204] * 30
        assert len(refused) > 20 and len(listener.requests) < 40
        assert_protected(refused[0])
        assert refused[0].headers["retry-after"] and "再试" in refused[0].text
        assert refused[0].headers["cache-control"] == "no-store"
        for path in ("/comments/1", "/forgotten", "/reset/x", "/invitation/x", "/./comments/1"):
            assert front.ask(path, "POST", b"x=y").status == 429
        assert front.get("/sign-in").status == 204  # reading is not limited
        statuses = [front.ask("/control-panel/posts/1", "POST", b"x=y").status for _ in range(60)]
        assert statuses == [204] * 60


def test_a_rate_limit_page_of_the_blog_is_passed_on(front, site):
    """The page contains the submitted form, so nginx must not replace it with its own."""
    form = {"Origin": site.url, "Content_Type": "application/x-www-form-urlencoded"}
    typed = b"login=somebody-hasty&password=x"
    tries = [front.ask("/sign-in", "POST", typed, **form) for _ in range(11)]
    assert [reply.status for reply in tries] == [422] * 10 + [429]
    assert "text/html" in tries[-1].headers["content-type"] and "somebody-hasty" in tries[-1].text


def test_a_body_that_is_too_large_does_not_reach_the_blog(front):
    reply = front.ask("/sign-in", "POST", b"x" * 1_100_000)
    assert reply.status == 413
    assert_protected(reply)


def test_the_dashboard_accepts_a_large_picture(front):
    reply = front.ask("/control-panel/nothing", "POST", b"x" * 20_000_000, Origin="http://" + HOST)
    assert reply.status != 413


def test_a_header_that_is_too_large_is_refused(front):
    assert front.get("/", X_Long="x" * 9000).status == 400


DAWDLING = (
    b"",
    b"GET / HTTP/1.1\r\nHost: ink.example\r\n",
    b"POST /sign-in HTTP/1.1\r\nHost: ink.example\r\nContent-Length: 10\r\n\r\nx",
)


@pytest.mark.slow
def test_incomplete_requests_time_out(front):
    def time_until_closed(payload: bytes) -> float:
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            raw(front, payload, wait=60)
        return time.monotonic() - began

    with concurrent.futures.ThreadPoolExecutor(len(DAWDLING)) as clients:
        times = list(clients.map(time_until_closed, DAWDLING))
    assert min(times) > 5
    assert max(times) < 40


@pytest.mark.slow
def test_a_header_that_arrives_too_slowly_is_refused(front):
    with socket.create_connection(("127.0.0.1", front.port), 20) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: ink.example\r\n")
        with pytest.raises(OSError):
            for number in range(80):
                line.sendall(f"X-{number}: y\r\n".encode())
                time.sleep(0.5)


@pytest.fixture
def own(tmp_path: Path):
    """A separate blog and nginx that the test may kill."""
    config = Config(data_dir=tmp_path / "data", port=free_port(), proxies=1)
    with Site(config, env=environment(config, BLOG_PROXIES="1")) as site, Nginx(site) as front:
        yield site, front


def test_nginx_reports_that_the_blog_is_down_and_uses_it_again_at_once(own):
    site, front = own
    site.stop()
    away = front.get("/sign-in")
    assert away.status == 503
    assert away.headers["retry-after"]
    assert "稍后" in away.text
    assert_protected(away)
    again = Site(replace(site.config))
    with again:
        assert front.get("/sign-in").status == 200


@pytest.mark.slow
def test_killed_workers_cause_no_failed_requests(own):
    site, front = own
    statuses: list[int] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            statuses.append(front.get("/sign-in").status)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for _ in range(3):
        before = site.workers()
        os.kill(before[min(before)], signal.SIGKILL)
        wait_for(lambda before=before: site.workers()[min(before)] != before[min(before)])
    over.set()
    for reader in readers:
        reader.join()
    assert len(statuses) > 20
    assert set(statuses) == {200}
