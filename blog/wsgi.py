"""The blog as a WSGI application, for servers without ASGI. Needs a2wsgi (the extra `wsgi`)."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import quote

from a2wsgi import ASGIMiddleware

from blog.app import Blog, app
from blog.server.asgi import Receive, Scope, Send

TIMEOUT = 30.0  # seconds for preparing the database, and for background work at shutdown
SAFE_IN_PATH, SAFE_IN_QUERY = "/:@!$&'()*+,;=-._~", "/:@!$&'()*+,;=-._~?%[]|^`\"<>{}\\#"

Environ = dict[str, Any]  # of PEP 3333: strings, `wsgi.*` objects and what servers add
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class WsgiInput(Protocol):
    """The request body, as PEP 3333 defines it."""

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        ...


class Application:
    """Runs the blog on an event loop in a thread of its own.

    WSGI has no start and stop events. The first request of a process starts the blog, because by
    then the server has forked its processes. The interpreter's exit stops it.
    """

    def __init__(self, blog: Blog) -> None:
        self.blog = blog
        self._start_lock = threading.Lock()
        self._bridge: ASGIMiddleware | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        """Answer one request, as PEP 3333 defines it."""
        if "CONTENT_LENGTH" not in environ and "HTTP_TRANSFER_ENCODING" in environ:
            start_response("411 Length Required", [("Content-Length", "0")])
            return  # a2wsgi would treat the body as empty
        bridge = self.opened()
        environ = _adapted(environ)
        try:
            yield from bridge(environ, start_response)  # type: ignore[arg-type]  # its own names
        finally:  # the client may have disconnected during the response
            if task := environ.get("blog.task"):
                bridge.loop.call_soon_threadsafe(task.cancel)

    # --- start and stop --------------------------------------------------------------------------

    def opened(self) -> ASGIMiddleware:
        """Return the bridge to the blog, after starting both if needed."""
        with self._start_lock:
            if self._bridge is None:
                bridge = ASGIMiddleware(self._answer)  # type: ignore[arg-type]  # its own names
                try:
                    asyncio.run_coroutine_threadsafe(self._start(), bridge.loop).result(TIMEOUT)
                except Exception:  # the next request tries again, with a new loop
                    bridge.loop.call_soon_threadsafe(bridge.loop.stop)
                    raise
                # `atexit` would be too late: by then no thread accepts work any more.
                threading._register_atexit(self.close)  # type: ignore[attr-defined]  # as concurrent.futures does
                self._bridge = bridge
            return self._bridge

    def close(self) -> None:
        """Shut the blog down and stop its event loop."""
        bridge, self._bridge = self._bridge, None
        if bridge:
            with suppress(TimeoutError):
                stopping = asyncio.run_coroutine_threadsafe(self._send("shutdown"), bridge.loop)
                stopping.result(TIMEOUT)
            bridge.loop.call_soon_threadsafe(bridge.loop.stop)

    async def _start(self) -> None:
        self._events, self._replies = asyncio.Queue[Scope](), asyncio.Queue[Scope]()
        lifespan = self.blog({"type": "lifespan"}, self._events.get, self._replies.put)
        self._lifespan_task = asyncio.create_task(lifespan)
        await self._send("startup")

    async def _send(self, event: str) -> None:
        """Send a lifespan event and wait for the reply. Raises `RuntimeError` if it failed."""
        await self._events.put({"type": f"lifespan.{event}"})
        reply = await self._replies.get()
        if reply["type"].endswith(".failed"):
            raise RuntimeError(reply["message"])

    # --- one request -----------------------------------------------------------------------------

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["wsgi_environ"]["blog.task"] = asyncio.current_task()
        scope["raw_path"] = scope["path"].encode()

        async def receive_or_disconnect() -> Scope:
            """Receive a message. a2wsgi would read a truncated upload for ever."""
            message = await receive()
            is_truncated = message.get("more_body") and not message["body"]
            return {"type": "http.disconnect"} if is_truncated else message

        async def send_without_head_body(message: Scope) -> None:
            """Send a message, without the body for HEAD, which some servers would send."""
            is_body = scope["method"] == "HEAD" and message["type"] == "http.response.body"
            await send({**message, "body": b""} if is_body else message)

        await self.blog(scope, receive_or_disconnect, send_without_head_body)


def _adapted(environ: Environ) -> Environ:
    """Return the environment as a2wsgi and Sanic need it.

    The path is percent-encoded again, because Sanic reads no other. Without a port there would be
    no client address.
    """
    path, query = (environ.get(name, "") for name in ("PATH_INFO", "QUERY_STRING"))
    return {
        **environ,
        "PATH_INFO": quote(path.encode("latin-1"), safe=SAFE_IN_PATH) or "/",
        "QUERY_STRING": quote(query.encode("latin-1"), safe=SAFE_IN_QUERY),
        "REMOTE_PORT": environ.get("REMOTE_PORT") or "0",
        "wsgi.input": _Input(environ["wsgi.input"]),
    }


class _Input:
    """A request body that simply ends where a server raises because the client disconnected."""

    def __init__(self, body: WsgiInput) -> None:
        self.body = body

    def read(self, size: int) -> bytes:
        with suppress(OSError):
            return self.body.read(size)
        return b""


application = Application(app)
