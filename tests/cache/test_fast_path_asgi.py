"""Under an ASGI server, a cached page is served before Sanic builds a request."""

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
Messages = list[Mapping[str, Any]]


class Asgi:
    """A minimal ASGI server in this process: it starts the blog, and exchanges messages with it.

    `from_cache` has the targets that were answered without building a request.
    """

    def __init__(self, config: Config) -> None:
        Sanic.test_mode = True
        self.app = create_app(config, f"blog-{next(numbers)}")
        self.app.ctx.templates.bytecode_cache = compiled
        self.loop = asyncio.new_event_loop()
        self.incoming: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.from_cache: list[bytes] = []

    def __enter__(self) -> "Asgi":
        scope = {"type": "lifespan"}
        self.life = self.loop.create_task(self.app(scope, self.incoming.get, self.outgoing.put))
        assert self._send_lifespan("startup")["type"] == "lifespan.startup.complete"
        pages = self.app.ctx.page_cache
        self.real = pages.get_now
        pages.get_now = self._get_now
        return self

    def __exit__(self, *_: object) -> None:
        assert self._send_lifespan("shutdown")["type"] == "lifespan.shutdown.complete"
        self.loop.run_until_complete(self.life)
        self.loop.close()

    def _send_lifespan(self, event: str) -> Mapping[str, Any]:
        self.incoming.put_nowait({"type": f"lifespan.{event}"})
        return self.loop.run_until_complete(asyncio.wait_for(self.outgoing.get(), 20))

    def _get_now(self, target: bytes, *args: Any) -> Any:
        variant = self.real(target, *args)
        if variant:
            self.from_cache.append(target)
        return variant

    def ask(
        self, target: str, *lines: str, method: str = "GET", use_cache: bool = True
    ) -> Messages:
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
        messages: Messages = []
        self.app.ctx.page_cache.get_now = self._get_now if use_cache else lambda *_: None
        self.loop.run_until_complete(self.app(scope, _receive_end, _collect(messages)))
        return [{**message, "headers": [*message.get("headers", ())]} for message in messages]


async def _receive_end() -> Mapping[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def _collect(messages: Messages) -> Any:
    async def send(message: Mapping[str, Any]) -> None:
        messages.append(message)

    return send


@pytest.fixture(scope="module")
def hosted(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asgi]:
    config = Config(data_dir=tmp_path_factory.mktemp("hosted"))
    furnished.settle(config)
    with Asgi(config) as server:
        yield server


@pytest.fixture
def warm(hosted: Asgi) -> Asgi:
    def is_compressed() -> bool:
        messages = hosted.ask(POST, "Accept-Encoding: br")
        return (b"content-encoding", b"br") in messages[0]["headers"]

    wait_for(is_compressed)
    hosted.from_cache.clear()
    return hosted


FROM_CACHE: dict[str, tuple[str, ...]] = {
    "plain": (),
    "a browser": CHROMIUM,
    "gzip alone": ("Accept-Encoding: gzip",),
    "no compression": ("Accept-Encoding: br;q=0, *;q=0",),
    "a matching ETag": ("If-None-Match: *",),
    "another ETag": ('If-None-Match: "x"',),
    "a cookie that is not ours": ("Cookie: _ga=GA1.2.3",),
    "a range": ("Range: bytes=0-1",),
}


@pytest.mark.parametrize("lines", FROM_CACHE.values(), ids=FROM_CACHE)
def test_a_cached_page_is_served_before_a_request_is_built(
    warm: Asgi, lines: tuple[str, ...]
) -> None:
    messages = warm.ask(POST, *lines)
    assert warm.from_cache == [POST.encode()]
    assert messages == warm.ask(POST, *lines, use_cache=False)


NOT_FROM_CACHE = {
    "a session cookie": ("GET", POST, ("Cookie: session=x",)),
    "a cookie of a pending comment": ("GET", POST, ("Cookie: a=b; __Host-waiting=x",)),
    "two Cookie headers": ("GET", POST, ("Cookie: a=b", "Cookie: c=d")),
    "two Accept-Encoding headers": ("GET", POST, ("Accept-Encoding: gzip", "Accept-Encoding: br")),
    "a query": ("GET", POST + "?utm=x", ()),
    "another spelling": ("GET", POST.replace("a-", "%61-", 1), ()),
    "a caching proxy": ("GET", POST, ("X-Accel-Expires: @1",)),
    "POST": ("POST", POST, ()),
}


@pytest.fixture
def requests(warm: Asgi, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that Sanic has built."""
    paths: list[str] = []
    real = Blog.handle_request

    async def handle(self: Blog, request: Request) -> None:
        paths.append(request.path)
        await real(self, request)

    monkeypatch.setattr(Blog, "handle_request", handle)
    return paths


@pytest.mark.parametrize("case", NOT_FROM_CACHE)
def test_everything_else_is_handled_as_a_request(
    warm: Asgi, requests: list[str], case: str
) -> None:
    method, target, lines = NOT_FROM_CACHE[case]
    messages = warm.ask(target, *lines, method=method)
    assert len(requests) == 1
    assert messages == warm.ask(target, *lines, method=method, use_cache=False)


def test_a_browser_may_send_each_cookie_in_its_own_header(warm: Asgi, furnished: Furnished) -> None:
    """Chromium does so over HTTP/2."""
    ((name, token),) = cast.sign_in(warm.app.ctx.database, furnished.cast.ann).items()
    messages = warm.ask("/control-panel", "Cookie: theme=dark", f"Cookie: {name}={token}")
    assert messages[0]["status"] == 200
    twice = (
        f"Cookie: {name}={token}",
        f"Cookie: {name}=another",
    )  # another host of the domain may have set the second
    assert warm.ask("/control-panel", *twice)[0]["status"] == 303


def test_head_gets_the_same_headers_as_get(warm: Asgi) -> None:
    whole, head = warm.ask(POST), warm.ask(POST, method="HEAD")
    assert head[0] == whole[0]


def test_a_change_is_noticed_immediately(warm: Asgi) -> None:
    database = warm.app.ctx.database
    for text in ("京ICP备12345678号-1", ""):
        cast.choose(database, icp=text)
        wait_for(lambda text=text: ("京ICP备" in _body_text(warm.ask("/"))) is bool(text), 1)


def _body_text(messages: Messages) -> str:
    return b"".join(message.get("body", b"") for message in messages).decode()


def test_with_the_fast_path_off_a_request_is_built(
    warm: Asgi, requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_fast_path = warm.ask(POST)
    monkeypatch.setattr(warm.app.ctx, "config", replace(warm.app.ctx.config, lane=False))
    assert requests == []
    assert warm.ask(POST) == by_fast_path
    assert requests == [POST]
