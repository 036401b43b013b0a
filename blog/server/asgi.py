"""The blog under a server that is not Sanic's (ASGI): what that way leaves out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.asgi import ASGIApp
from sanic.exceptions import PayloadTooLarge, SanicException
from sanic.helpers import has_message_body
from sanic.http import Stage

from blog.cache import fast_path
from blog.config import UserError
from blog.server import startup

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class AsgiAdapter(Sanic[Any, Any]):
    """Sanic as an ASGI application that such a server can start, refuse and rely on."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ways = {"lifespan": self._open, "websocket": _refuse}
        await ways.get(scope["type"], self._answer)(scope, receive, send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Each of the server's processes comes here, and no main one of ours was there before."""
        try:
            await asyncio.to_thread(startup.prepare, self.ctx.config)
        except (UserError, OSError) as fault:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": startup.told(fault)})
            return
        await super().__call__(scope, receive, send)  # type: ignore[no-untyped-call]  # Sanic's

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What cannot even be made a request of is answered with a page, too."""
        if self.ctx.config.lane and (sent := fast_path.of_scope(self.ctx.pages, scope)):
            await send(
                {"type": "http.response.start", "status": sent.status, "headers": sent.lines()}
            )
            await send({"type": "http.response.body", "body": sent.body, "more_body": False})
            return
        scope = _with_cookies_in_one_line(scope)
        try:
            await super().__call__(scope, receive, send)  # type: ignore[no-untyped-call]  # Sanic's
        except SanicException as fault:
            plain = {**scope, "raw_path": b"*", "query_string": b"", "headers": []}
            asked = await ASGIApp.create(self, plain, receive, send)
            asked.stage = Stage.HANDLER
            await self.handle_exception(asked.request, fault)


def _with_cookies_in_one_line(scope: Scope) -> Scope:
    """By HTTP/2 a browser sends each in a line of its own, and Sanic would read the first alone."""
    pairs = [(name.lower(), text) for name, text in scope["headers"]]
    cookies = [text for name, text in pairs if name == b"cookie"]
    if len(cookies) < 2:
        return scope
    others = [pair for pair in pairs if pair[0] != b"cookie"]
    return {**scope, "headers": [*others, (b"cookie", b"; ".join(cookies))]}


async def _refuse(_scope: Scope, receive: Receive, send: Send) -> None:
    """There is nothing here that talks over a WebSocket; Sanic would answer with a page."""
    await receive()
    await send({"type": "websocket.close"})


async def whole_body(request: Request) -> bytes:
    """What was sent, all of it: Sanic would take any amount, and half a form for a form.

    Up to twice the limit is heard out before it is refused: while somebody still sends, some
    servers let no answer through.
    """
    limit, body, size = request.app.config.REQUEST_MAX_SIZE, bytearray(), 0
    stream: Any = request.stream
    while stream.request_body and size <= 2 * limit:
        message = await stream.transport.receive()
        if message["type"] == "http.disconnect":
            raise IncompleteBody
        piece = message.get("body", b"")
        size += len(piece)
        body += piece if size <= limit else b""
        stream.request_body = message.get("more_body", False)
    if size > limit:
        raise PayloadTooLarge("Request body exceeds the size limit")
    return bytes(body)


class IncompleteBody(SanicException):
    """Whoever sent the request has left in the middle of it."""

    status_code = 400
    quiet = True


def tell_length(request: Request, response: HTTPResponse) -> None:
    """Response middleware: Sanic's own server says it by itself."""
    if request.app.asgi and has_message_body(response.status) and response.body is not None:
        response.headers["content-length"] = len(response.body)


async def invite(app: Sanic[Any, Any]) -> None:
    """The set-up link of an empty blog; where it listens only its server knows."""
    if app.asgi and (line := startup.invitation(app.ctx.config)):
        logging.getLogger("sanic.root").info(line)
