"""The blog under every server in docs/servers.md: start, set-up, errors, worker crash, stop."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPException

import pytest

from blog.config import Config
from blog.db import Database
from blog.models.base import now
from blog.models.jobs import lease
from tests.server.test_supervisor import a_slow_request
from tests.support.live_server import ask, free_port, wait_for
from tests.support.other_servers import Hosted, SiteOwner, chapter, photograph, say

pytestmark = [pytest.mark.server, pytest.mark.slow]

COMMANDS = [
    (name, number)
    for name, commands in chapter().items()
    for number in range(len(commands))
    if not re.search("nginx|Apache", name)
]
ALONE = ("Hypercorn", "Werkzeug", "Tornado")
ABRUPT = ("Tornado",)  # a stop closes connections with running requests
HEAD = b"Host: x\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n"
REFUSED = (b"413", b"411", b"400", b"")  # some close the connection at once
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module", params=COMMANDS, ids=lambda way: "{}-{}".format(*way))
def site(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[Hosted]:
    """A blog started in an empty folder with the command of the handbook."""
    config = Config(data_dir=tmp_path_factory.mktemp("hosted") / "data", port=free_port())
    name, number = request.param
    with Hosted(config, chapter()[name][number]) as running:
        running.name = name
        yield running


def holder(site: Hosted) -> int:
    """Return the id of the process that runs the scheduler, or 0."""
    with closing(Database(site.config)) as database:
        facts = database.read_now(lease.facts, lease.SCHEDULER)
    return int(facts["holder"].split("-")[0]) if facts["until"] > now() else 0


def answering(site: Hosted) -> int:
    """Return the id of a worker that responds, or 0."""
    with suppress(OSError, HTTPException):
        return int(re.search(r'"pid": ?(\d+)', ask(site.port, "/health/live").text)[1])
    return 0


def test_the_blog_is_set_up_with_the_printed_link_and_publishes_a_post(site):
    link = re.search(r"http://[^/]+(/set-up\?key=\w+)", site.said)[1]
    assert SiteOwner(site.url).set_up(link).path == "/control-panel"
    ann = SiteOwner(site.url)
    assert ann.sign_in().path == "/control-panel"
    assert ann.publish(title="异步的茶", body="It *steeps*.").status == 200
    page = ask(site.port, "/posts/yi-bu-de-cha")
    assert (page.status, "<em>steeps</em>" in page.text) == (200, True)
    picture = ann.send("/control-panel/pictures", "kite.jpg", photograph())
    shown = ask(site.port, re.search(r"/media/[\w/]+\.\w+", picture.text)[0])
    assert (shown.status, shown.headers["content-type"]) == (200, "image/jpeg")


def test_one_process_runs_the_scheduler(site):
    wait_for(lambda: holder(site) in site.processes(), 20)


def test_a_head_request_gets_the_headers_of_a_get_request(site):
    headers = {}
    for method in (b"GET", b"HEAD"):
        head, _, body = say(site.port, method + b" / HTTP/1.1\r\n" + HEAD + b"\r\n").partition(
            b"\r\n\r\n"
        )
        lines = [line.lower() for line in head.split(b"\r\n")]
        assert len(lines) == len(set(lines))
        headers[method] = {
            line for line in lines if not line.startswith((b"date:", b"connection:"))
        }
        assert bool(body) == (method == b"GET")
        assert method == b"HEAD" or b"content-length: %d" % len(body) in lines
    assert headers[b"GET"] == headers[b"HEAD"]


UPGRADE = b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
UPGRADE += b"MTIzNDU2Nzg5MDEyMzQ1Ng==\r\nHost: x\r\nConnection: upgrade\r\n"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\n", 404),
        (b"GET /%E8%8C%B6%2F%3F?%FF HTTP/1.1\r\n", 404),
        (b"GET /%FF HTTP/1.1\r\n", 404),
        (b"GET //[ HTTP/1.1\r\n", 404),
        (b"PUT / HTTP/1.1\r\nContent-Length: 0\r\n", 405),
        (b"GET /control-panel HTTP/1.1\r\n", 303),
        (b"GET / HTTP/1.0\r\n", 200),
    ],
    ids=str,
)
def test_an_unusual_request_gets_an_error_page_of_ours(site, words, status):
    head, _, body = say(site.port, words + HEAD + b"\r\n").lower().partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert b"\r\ncontent-security-policy: default-src 'none'" in head
    assert status == 303 or b"<h1" in body


def test_an_invalid_request_is_refused_and_the_next_one_answered(site):
    """The server refuses it, or the blog does if the server accepts everything."""
    for words in (b"GET /\xff", b"GET /" + b"x" * 70_000, b"GET http://[::/", b"CONNECT x:443"):
        head = say(site.port, words + b" HTTP/1.1\r\n" + HEAD + b"\r\n").partition(b"\r\n\r\n")[0]
        assert head[9:12] in (b"", b"400", b"404", b"405", b"413", b"414", b"431"), (
            words[:20],
            head,
        )
    assert say(site.port, b"GET / HTTP/1.1\r\n" + UPGRADE + b"\r\n", leave=True) == b""
    assert ask(site.port, "/").status == 200


def test_a_request_that_is_too_large_is_refused(site):
    size = site.config.max_upload + 1_500_000
    words = b"POST /sign-in HTTP/1.1\r\n" + HEAD + FORM + b"Content-Length: %d\r\n\r\n" % size
    answer = say(site.port, words + b"x" * size)
    assert answer[9:12] in REFUSED
    parts = b"Transfer-Encoding: chunked\r\n\r\n" + (b"F4240\r\n" + b"x" * 1_000_000 + b"\r\n") * 22
    answer = say(site.port, b"POST /sign-in HTTP/1.1\r\n" + HEAD + FORM + parts + b"0\r\n\r\n")
    assert answer[9:12] in REFUSED


def test_an_incomplete_form_is_not_processed(site):
    words = b"POST /sign-in HTTP/1.1\r\n" + HEAD + FORM + b"Content-Length: 90\r\n\r\n"
    say(site.port, words + b"login=half&password=of-a-fo", leave=True)
    say(site.port, words.replace(b"90", b"23") + b"login=whole&password=no")
    wait_for(lambda: "failed for 'whole'" in site.said)
    time.sleep(0.5)
    assert "'half'" not in site.said


def test_forwarded_addresses_are_ignored_without_a_configured_proxy(site):
    who = (
        b"X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\nX-Real-IP: 203.0.113.7\r\n"
    )
    form = b"Content-Length: 22\r\n\r\nlogin=sly&password=no"
    say(site.port, b"POST /sign-in HTTP/1.1\r\n" + HEAD + FORM + who + form + b"\n")
    wait_for(lambda: "failed for 'sly'" in site.said)
    assert "failed for 'sly' from 127.0.0.1" in site.said


def test_a_killed_worker_is_replaced_and_requests_are_answered(site):
    if site.name in ALONE:
        assert len({answering(site) for _ in range(20)}) == 1
        return
    victim = next(pid for _ in range(200) if (pid := answering(site)) != holder(site))
    before = set(site.processes())
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: answering(site) not in {0, *before}, 20, site.said)


def test_a_stop_finishes_running_requests_and_leaves_no_process(site):
    with a_slow_request(site) as finish:
        site.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        answer = finish()
    assert b" 422 " in answer[:16] or site.name in ABRUPT
    assert site.stop() in (0, -signal.SIGTERM)
    assert "Traceback" not in site.said
    assert holder(site) == 0  # the lease is released, so that nobody has to wait until it expires


@pytest.mark.parametrize("server", ["Uvicorn", "Gunicorn with Uvicorn's worker", "Hypercorn"])
def test_a_failed_start_is_reported_and_ends_the_server(config, server):
    """The exit code depends on the server. That of Uvicorn and Hypercorn is 0."""
    url = f"postgresql://blog@127.0.0.1:{free_port()}/blog"
    site = Hosted(config, chapter()[server][0], BLOG_DATABASE_URL=url).start()
    try:
        site.process.wait(30)
        site.wait_until_gone()
    finally:
        site.kill()
    assert "postgresql://…@127.0.0.1" in site.said
