"""Web servers in front of the blog, as in docs/servers.md: Apache, and other nginx setups."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from blog.config import Config
from tests.conftest import need
from tests.support.apache import Apache
from tests.support.live_server import ROOT, Site, free_port, program, wait_for
from tests.support.nginx_server import FORGED, HOST, Front, Listener, Nginx
from tests.support.other_servers import FORM, Hosted, blocks, chapter

pytestmark = [pytest.mark.server, pytest.mark.slow]

OURS = {"Sec_Fetch_Site": "same-origin"}
LIES = {"X_Forwarded_For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}


def forge_address(front: Front) -> None:
    """Sign in with forged headers. The log of the blog shows the address it trusted."""
    form = b"login=sly&password=no"
    front.ask("/sign-in", "POST", form, Content_Type=FORM, **OURS, **LIES)


# --- Apache ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def front() -> Iterator[Apache]:
    """The running blog behind a real Apache, whose user may enter the data folder."""
    need("apache2-bin", program("apache2"))
    home = Path(tempfile.mkdtemp(prefix="blog-"))
    home.chmod(0o755)
    config = Config(data_dir=home / "data", port=free_port())
    with Hosted(config, chapter()["Sanic"][0], BLOG_PROXIES="1") as site:
        config.data_dir.chmod(0o711)
        with Apache(site) as running:
            yield running
    shutil.rmtree(home)


@pytest.fixture
def stylesheet(front) -> str:
    return re.search(r"/static/\w+/[\w/]+\.css", front.ask("/").text)[0]


def test_apache_forwards_pages_without_repeated_headers(front):
    page = front.ask("/")
    assert (page.status, "<h1" in page.text) == (200, True)
    assert (
        page.headers["content-security-policy"]
        == front.site.get("/").headers["content-security-policy"]
    )
    assert front.ask("/a%2Fb%3Fc").status == front.site.get("/a%2Fb%3Fc").status == 404


def test_apache_does_not_forward_forged_headers(tmp_path):
    with Listener() as listener:
        stand_in = Site(Config(data_dir=tmp_path, port=listener.port))
        with Apache(stand_in) as front:
            listener.requests.clear()
            assert front.get("/", X_Accel_Expires="@9999999999", **FORGED).status == 204
    heard = listener.requests[0].decode().lower()
    for lie in ("6.6.6.6", "evil", ": 444", "x-scheme", "x-accel"):
        assert lie not in heard
    for truth in ("for: 127.0.0.1", "proto: http", f"host: {HOST}"):
        assert f"x-forwarded-{truth}\r\n" in heard
    assert "sec-fetch-site: cross-site\r\n" in heard


def test_apache_serves_styles_from_disk_cached_for_a_year(front, stylesheet):
    file = front.ask(stylesheet)
    assert (file.status, "etag" in file.headers) == (200, True)  # the blog sends none
    assert "immutable" in file.headers["cache-control"]
    assert file.headers["content-type"] == front.site.get(stylesheet).headers["content-type"]
    assert file.headers["x-content-type-options"] == "nosniff"
    assert front.ask(stylesheet, Accept_Encoding="gzip").headers["content-encoding"] == "gzip"
    assert front.ask("/static/../blog.sqlite3").status == 404


def test_only_apache_sets_the_client_address(front):
    forge_address(front)
    wait_for(lambda: "failed for 'sly' from 127.0.0.1" in front.site.said)
    assert "203.0.113.7" not in front.site.said


def test_apache_reports_that_the_blog_is_down(front):
    front.site.stop()
    reply = front.ask("/")
    assert (reply.status, "博客" in reply.text) == (503, True)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["retry-after"] == "5"
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")


# --- nginx -----------------------------------------------------------------------------------


class ModifiedNginx(Nginx):
    """nginx with the changes to nginx.conf from the handbook."""

    def __init__(self, site: Hosted, *ports: int, upstream: str = "", script: str = "") -> None:
        self.ports, self.upstream, self.script = ports, upstream, script
        super().__init__(site)
        shutil.copy("/etc/nginx/uwsgi_params", self.folder)

    def config_text(self, shipped: Path) -> str:
        text = super().config_text(self.changed(shipped))
        return text.replace(":8001", f":{self.ports[0]}") if self.ports else text

    def changed(self, shipped: Path) -> Path:
        copy = self.folder / "nginx.shipped"
        text = shipped.read_text()
        if self.upstream:
            text = re.sub(r"(?ms)^upstream blog \{.*^upstream.*?^\}\n", self.upstream, text)
        if self.script:
            process = subprocess.run(
                ["/bin/sh", "-c", self.script], cwd=ROOT, capture_output=True, check=True, text=True
            )
            text = process.stdout
        copy.write_text(text.replace("/run/blog/blog.sock", str(self.folder / "socket")))
        return copy


@contextlib.contextmanager
def over_a_socket(config: Config) -> Iterator[tuple[Hosted, Nginx]]:
    """The blog and nginx, connected by a unix socket as in the handbook."""
    name = "nginx over a unix socket"
    site = Hosted(config, chapter()[name][0], BLOG_PROXIES="1")
    front = ModifiedNginx(site, upstream=blocks("nginx")[name][0])
    site.command = [
        word.replace("/run/blog/blog.sock", str(front.folder / "socket")) for word in site.command
    ]
    site.start()
    try:
        with front:
            wait_for(lambda: reads(front), why=site.said)
            yield site, front
            assert site.stop() == 0
    finally:
        site.kill()


def reads(front: Nginx) -> bool:
    return front.get("/health/ready").status == 200


def answering(front: Nginx, times: int) -> set[int]:
    """Return the ids of the workers that respond to this number of requests."""
    texts = [front.get("/health/live").text for _ in range(times)]
    matches = [re.search(r'"pid": ?(\d+)', text) for text in texts]
    return {int(match[1]) for match in matches if match}


@pytest.fixture
def nginx():
    need("nginx", program("nginx"))


@pytest.mark.nginx
def test_nginx_reaches_the_blog_over_a_unix_socket(nginx, config):
    with over_a_socket(config) as (site, front):
        wait_for(lambda: len(answering(front, 30)) == 2)  # all workers share one socket
        os.kill(answering(front, 1).pop(), signal.SIGKILL)
        assert {front.get("/").status for _ in range(50)} == {200}
        forge_address(front)
        wait_for(lambda: "failed for 'sly' from 127.0.0.1" in site.said)


@pytest.mark.nginx
@pytest.mark.parametrize("server", ["Uvicorn", "Gunicorn"])
def test_nginx_works_with_another_server(nginx, config, server):
    with Hosted(config, chapter()[server][0], BLOG_PROXIES="1") as site, Nginx(site) as front:
        assert "<h1" in front.get("/").text
        forge_address(front)
        wait_for(lambda: "failed for 'sly' from 127.0.0.1" in site.said)


@pytest.mark.nginx
def test_nginx_uses_the_uwsgi_protocol_with_uwsgi(nginx, config):
    serve, change = chapter()["nginx and uWSGI"]
    site = Hosted(config, serve).start()
    try:
        with ModifiedNginx(site, script=change) as front:
            wait_for(lambda: reads(front), why=site.said)
            assert "<h1" in front.get("/").text
            forge_address(front)
            wait_for(lambda: "failed for 'sly' from 127.0.0.1" in site.said)
            assert site.stop() == 0
    finally:
        site.kill()


@pytest.mark.nginx
def test_nginx_uses_the_second_instance_when_one_is_killed(nginx, config):
    name = "Two instances behind nginx"
    one = Hosted(config, chapter()[name][0])
    other = Hosted(replace(config, port=free_port()), chapter()[name][0])
    with one, other, ModifiedNginx(one, other.port, upstream=blocks("nginx")[name][0]) as front:
        answered = answering(front, 20)
        assert answered & set(one.processes()) and answered & set(other.processes())
        os.killpg(one.process.pid, signal.SIGKILL)
        assert {front.get("/").status for _ in range(50)} == {200}
        assert other.stop() == 0


def test_a_unix_socket_in_a_missing_folder_is_reported_in_one_line(config):
    site = Hosted(config, "sanic blog.app -w 4 --unix /nowhere/blog.sock").start()
    assert site.process.wait(30) != 0
    assert "/nowhere" in site.said and "Traceback" not in site.said
