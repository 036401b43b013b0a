"""Runs the blog under an ASGI server other than Sanic's own, and fills the gaps of Sanic's adapter.

These are: preparing the data folder at start-up, errors before a request exists, HTTP/2 cookies,
WebSocket requests, the size limit of a body, and the Content-Length header.
"""

import asyncio
import logging
from time import monotonic
from typing import cast

from sanic import HTTPResponse, Request
from sanic.asgi import ASGIApp
from sanic.exceptions import PayloadTooLarge, SanicException
from sanic.helpers import has_message_body
from sanic.http import Stage
from sanic.models.asgi import ASGIReceive, ASGIScope, ASGISend

from blog.cache import fast_path
from blog.config import UserError
from blog.server import App, startup

Scope = ASGIScope
Receive = ASGIReceive
Send = ASGISend


class AsgiAdapter(App):
    """A Sanic application that other ASGI servers can run."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one lifespan, HTTP or WebSocket scope."""
        handlers = {"lifespan": self._start_up, "websocket": _reject_websocket}
        await handlers.get(scope["type"], self._respond)(scope, receive, send)

    async def _start_up(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Prepare the data folder in each server process, as there is no main process of ours."""
        try:
            await asyncio.to_thread(startup.prepare, self.ctx.config)
        except (UserError, OSError) as error:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": startup.error_message(error)})
            return
        await super().__call__(scope, receive, send)  # type: ignore[no-untyped-call]  # Sanic's

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with an error page even if Sanic cannot create a request object."""
        received_at = monotonic()
        if self.ctx.config.lane and (cached := fast_path.of_scope(self.ctx.page_cache, scope)):
            head = {"type": "http.response.start", "status": cached.status}
            await send({**head, "headers": cached.lines()})
            await send({"type": "http.response.body", "body": cached.body, "more_body": False})
            self.ctx.request_metrics.count_fast(cached.status, monotonic() - received_at)
            return
        scope = _with_joined_cookies(scope)
        try:
            await super().__call__(scope, receive, send)  # type: ignore[no-untyped-call]  # Sanic's
        except SanicException as error:
            valid = {**scope, "raw_path": b"*", "query_string": b"", "headers": []}
            adapter = await ASGIApp.create(self, valid, receive, send)
            adapter.stage = Stage.HANDLER
            await self.handle_exception(adapter.request, error)


def _with_joined_cookies(scope: Scope) -> Scope:
    """Join Cookie headers: HTTP/2 browsers may send several, and Sanic reads only the first."""
    headers = [(name.lower(), value) for name, value in scope["headers"]]
    cookies = [value for name, value in headers if name == b"cookie"]
    if len(cookies) < 2:
        return scope
    others = [header for header in headers if header[0] != b"cookie"]
    return {**scope, "headers": [*others, (b"cookie", b"; ".join(cookies))]}


async def _reject_websocket(_scope: Scope, receive: Receive, send: Send) -> None:
    """Close a WebSocket connection; Sanic would answer it with an HTML page."""
    await receive()
    await send({"type": "websocket.close"})


async def read_body(request: Request) -> bytes:
    """Read the whole body of a request. Sanic would accept any size, and a truncated body.

    A body that is too large is read up to twice the limit before it is refused, because some
    servers do not forward a response while the client is still sending. Raises `PayloadTooLarge`,
    or `IncompleteBody` if the client disconnects.
    """
    limit, body, size = request.app.config.REQUEST_MAX_SIZE, bytearray(), 0
    stream = cast(ASGIApp, request.stream)
    while stream.request_body and size <= 2 * limit:
        message = await stream.transport.receive()
        if message["type"] == "http.disconnect":
            raise IncompleteBody
        chunk = message.get("body", b"")
        size += len(chunk)
        body += chunk if size <= limit else b""
        stream.request_body = message.get("more_body", False)
    if size > limit:
        raise PayloadTooLarge("Request body exceeds the size limit")
    return bytes(body)


class IncompleteBody(SanicException):
    """The client disconnected before it had sent the whole body."""

    status_code = 400
    quiet = True


def set_content_length(request: Request, response: HTTPResponse) -> None:
    """Set Content-Length: response middleware for ASGI; Sanic's own server sets the header."""
    if request.app.asgi and has_message_body(response.status) and response.body is not None:
        response.headers["content-length"] = len(response.body)


async def log_setup_link(app: App) -> None:
    """Log the set-up link of an empty blog. Under ASGI the real host and port are unknown."""
    if app.asgi and (line := startup.setup_link_line(app.ctx.config)):
        logging.getLogger("sanic.root").info(line)
