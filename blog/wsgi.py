"""The blog for servers that speak WSGI only: `application`. Needs a2wsgi, the extra `wsgi`."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import quote

from a2wsgi import ASGIMiddleware

from blog.app import Blog, app
from blog.server.asgi import Receive, Scope, Send

PATIENCE = 30.0  # seconds for the database to be made ready, or for errands to come to their end
IN_PATH, IN_QUERY = "/:@!$&'()*+,;=-._~", "/:@!$&'()*+,;=-._~?%[]|^`\"<>{}\\#"


class WsgiInput(Protocol):
    def read(self, size: int) -> bytes: ...


class Application:
    """The blog with a loop of its own in a thread, opened by the first request of a process: by
    then, whatever forks has forked. WSGI tells no start and no stop, so both are found out here.
    """

    def __init__(self, blog: Blog) -> None:
        self.blog = blog
        self._opening = threading.Lock()
        self._bridge: ASGIMiddleware | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        if "CONTENT_LENGTH" not in environ and "HTTP_TRANSFER_ENCODING" in environ:
            start_response("411 Length Required", [("Content-Length", "0")])
            return  # the bridge would take it for empty
        bridge = self.opened()
        asked = _as_asgi_wants_it(environ)
        try:
            yield from bridge(asked, start_response)  # type: ignore[arg-type]  # its own names
        finally:  # the visitor may have left in the middle of the answer
            if task := asked.get("blog.task"):
                bridge.loop.call_soon_threadsafe(task.cancel)

    # --- start and stop --------------------------------------------------------------------------

    def opened(self) -> ASGIMiddleware:
        with self._opening:
            if self._bridge is None:
                bridge = ASGIMiddleware(self._answer)  # type: ignore[arg-type]  # its own names
                try:
                    asyncio.run_coroutine_threadsafe(self._begin(), bridge.loop).result(PATIENCE)
                except Exception:  # the next request tries again, with a loop of its own
                    bridge.loop.call_soon_threadsafe(bridge.loop.stop)
                    raise
                # `atexit` would be too late: by then no thread takes work any more.
                threading._register_atexit(self.close)  # type: ignore[attr-defined]  # as concurrent.futures does
                self._bridge = bridge
            return self._bridge

    def close(self) -> None:
        bridge, self._bridge = self._bridge, None
        if bridge:
            with suppress(TimeoutError):
                told = asyncio.run_coroutine_threadsafe(self._tell("shutdown"), bridge.loop)
                told.result(PATIENCE)
            bridge.loop.call_soon_threadsafe(bridge.loop.stop)

    async def _begin(self) -> None:
        self._to, self._back = asyncio.Queue[Any](), asyncio.Queue[Any]()
        life = self.blog({"type": "lifespan"}, self._to.get, self._back.put)
        self._life = asyncio.create_task(life)
        await self._tell("startup")

    async def _tell(self, what: str) -> None:
        await self._to.put({"type": f"lifespan.{what}"})
        answer = await self._back.get()
        if answer["type"].endswith(".failed"):
            raise RuntimeError(answer["message"])

    # --- one request -----------------------------------------------------------------------------

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["wsgi_environ"]["blog.task"] = asyncio.current_task()
        scope["raw_path"] = scope["path"].encode()

        async def hear() -> Any:
            """Of an upload that was cut short the bridge would read on for ever."""
            message = await receive()
            is_over = message.get("more_body") and not message["body"]
            return {"type": "http.disconnect"} if is_over else message

        async def say(message: Any) -> None:
            """No body for HEAD, which not every server takes care of."""
            is_body = scope["method"] == "HEAD" and message["type"] == "http.response.body"
            await send({**message, "body": b""} if is_body else message)

        await self.blog(scope, hear, say)


def _as_asgi_wants_it(environ: dict[str, Any]) -> dict[str, Any]:
    """The path as it was sent (Sanic reads no other), and a port, or there would be no address."""
    path, query = (environ.get(name, "") for name in ("PATH_INFO", "QUERY_STRING"))
    return {
        **environ,
        "PATH_INFO": quote(path.encode("latin-1"), safe=IN_PATH) or "/",
        "QUERY_STRING": quote(query.encode("latin-1"), safe=IN_QUERY),
        "REMOTE_PORT": environ.get("REMOTE_PORT") or "0",
        "wsgi.input": _Input(environ["wsgi.input"]),
    }


class _Input:
    """Where a server raises for a sender who has left, there is simply no more."""

    def __init__(self, sent: WsgiInput) -> None:
        self.sent = sent

    def read(self, size: int) -> bytes:
        with suppress(OSError):
            return self.sent.read(size)
        return b""


application = Application(app)
