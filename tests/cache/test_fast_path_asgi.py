"""Under another server a kept page goes out as it comes in, and is what the long way would say."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sanic import Request, Sanic

from blog.app import Blog, create_app
from blog.config import Config
from tests.cache.test_fast_path import CHROMIUM
from tests.support import cast
from tests.support.app_client import Furnished, compiled, numbers
from tests.support.live_server import wait_for

POST = "/posts/a-marmalade-morning"
Said = list[Mapping[str, Any]]


class Asgi:
    """A server in this process: it starts the blog, hands it what was asked, and keeps what it
    says. `short` are the targets that were answered without a request."""

    def __init__(self, config: Config) -> None:
        Sanic.test_mode = True
        self.app = create_app(config, f"blog-{next(numbers)}")
        self.app.ctx.templates.bytecode_cache = compiled
        self.loop = asyncio.new_event_loop()
        self.orders: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.said: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.short: list[bytes] = []

    def __enter__(self) -> "Asgi":
        scope = {"type": "lifespan"}
        self.life = self.loop.create_task(self.app(scope, self.orders.get, self.said.put))
        assert self._tell("startup")["type"] == "lifespan.startup.complete"
        pages = self.app.ctx.pages
        self.real = pages.get_now
        pages.get_now = self._get_now
        return self

    def __exit__(self, *_: object) -> None:
        assert self._tell("shutdown")["type"] == "lifespan.shutdown.complete"
        self.loop.run_until_complete(self.life)
        self.loop.close()

    def _tell(self, what: str) -> Mapping[str, Any]:
        self.orders.put_nowait({"type": f"lifespan.{what}"})
        return self.loop.run_until_complete(asyncio.wait_for(self.said.get(), 20))

    def _get_now(self, target: bytes, takes: str, known: str) -> Any:
        if sent := self.real(target, takes, known):
            self.short.append(target)
        return sent

    def ask(self, target: str, *lines: str, method: str = "GET", is_short: bool = True) -> Said:
        path, _, query = target.partition("?")
        pairs = [line.encode().split(b": ", 1) for line in ("Host: ink.example", *lines)]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower(), value) for name, value in pairs],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "scheme": "http",
        }
        said: Said = []
        self.app.ctx.pages.get_now = self._get_now if is_short else lambda *_: None
        self.loop.run_until_complete(self.app(scope, _nothing_more, _keep(said)))
        return [{**one, "headers": [*one.get("headers", ())]} for one in said]


async def _nothing_more() -> Mapping[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def _keep(said: Said) -> Any:
    async def send(message: Mapping[str, Any]) -> None:
        said.append(message)

    return send


@pytest.fixture(scope="module")
def hosted(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asgi]:
    config = Config(data_dir=tmp_path_factory.mktemp("hosted"))
    furnished.settle(config)
    with Asgi(config) as server:
        yield server


@pytest.fixture
def warm(hosted: Asgi) -> Asgi:
    def is_packed() -> bool:
        asked = hosted.ask(POST, "Accept-Encoding: br")
        return (b"content-encoding", b"br") in asked[0]["headers"]

    wait_for(is_packed)
    hosted.short.clear()
    return hosted


SHORT: dict[str, tuple[str, ...]] = {
    "plain": (),
    "a browser": CHROMIUM,
    "gzip alone": ("Accept-Encoding: gzip",),
    "nothing packed": ("Accept-Encoding: br;q=0, *;q=0",),
    "who has it": ("If-None-Match: *",),
    "who has another": ('If-None-Match: "x"',),
    "a cookie that is not ours": ("Cookie: _ga=GA1.2.3",),
    "a range": ("Range: bytes=0-1",),
}


@pytest.mark.parametrize("lines", SHORT.values(), ids=SHORT)
def test_a_kept_page_is_answered_before_a_request_is_built(
    warm: Asgi, lines: tuple[str, ...]
) -> None:
    said = warm.ask(POST, *lines)
    assert warm.short == [POST.encode()]
    assert said == warm.ask(POST, *lines, is_short=False)


LONG = {
    "a session": ("GET", POST, ("Cookie: session=x",)),
    "who waits": ("GET", POST, ("Cookie: a=b; __Host-waiting=x",)),
    "two lines of cookies": ("GET", POST, ("Cookie: a=b", "Cookie: c=d")),
    "an encoding, twice": ("GET", POST, ("Accept-Encoding: gzip", "Accept-Encoding: br")),
    "a query": ("GET", POST + "?utm=x", ()),
    "another spelling": ("GET", POST.replace("a-", "%61-", 1), ()),
    "a proxy that keeps it": ("GET", POST, ("X-Accel-Expires: @1",)),
    "POST": ("POST", POST, ()),
}


@pytest.fixture
def requests(warm: Asgi, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of what has become a request."""
    paths: list[str] = []
    real = Blog.handle_request

    async def handle(self: Blog, request: Request) -> None:
        paths.append(request.path)
        await real(self, request)

    monkeypatch.setattr(Blog, "handle_request", handle)
    return paths


@pytest.mark.parametrize("case", LONG)
def test_everything_else_becomes_a_request(warm: Asgi, requests: list[str], case: str) -> None:
    method, target, lines = LONG[case]
    said = warm.ask(target, *lines, method=method)
    assert len(requests) == 1
    assert said == warm.ask(target, *lines, method=method, is_short=False)


def test_a_browser_that_sends_each_cookie_in_a_line_of_its_own_is_known(
    warm: Asgi, furnished: Furnished
) -> None:
    """As Chromium does by HTTP/2."""
    ((name, token),) = cast.sign_in(warm.app.ctx.database, furnished.cast.ann).items()
    said = warm.ask("/control-panel", "Cookie: theme=dark", f"Cookie: {name}={token}")
    assert said[0]["status"] == 200
    twice = (f"Cookie: {name}={token}", f"Cookie: {name}=another")  # whoever set the other
    assert warm.ask("/control-panel", *twice)[0]["status"] == 303


def test_the_head_is_the_same(warm: Asgi) -> None:
    whole, head = warm.ask(POST), warm.ask(POST, method="HEAD")
    assert head[0] == whole[0]


def test_a_change_is_seen_get_now(warm: Asgi) -> None:
    database = warm.app.ctx.database
    for words in ("京ICP备12345678号-1", ""):
        cast.choose(database, icp=words)
        wait_for(lambda words=words: ("京ICP备" in _text(warm.ask("/"))) is bool(words), 1)


def _text(said: Said) -> str:
    return b"".join(one.get("body", b"") for one in said).decode()


def test_with_the_lane_off_a_request_is_built(
    warm: Asgi, requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_lane = warm.ask(POST)
    monkeypatch.setattr(warm.app.ctx, "config", replace(warm.app.ctx.config, lane=False))
    assert requests == []
    assert warm.ask(POST) == by_lane
    assert requests == [POST]
