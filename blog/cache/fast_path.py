"""The lane: a kept page is answered before a request object is built.

Sanic's protocol gathers bytes, wakes a task, parses, routes and runs middleware, and then finds
that the answer was there all along. Where one read brings one whole GET of the plainest form, on
a connection on which nothing else is going on, the lane looks the page up by the target itself
and writes it. Everything else goes Sanic's way: what is pipelined, split, spelled oddly, has a
body, asks for a range or an upgrade, or shows a cookie of ours. The lane never refuses anything
and never decides anything; it only takes what the long way would answer with the same bytes.

Not every request can come by it. What has become a request of Sanic's (`of_request`), or of
another server's (`of_scope`), has a short way, too: before a route is looked for and before any
middleware, for all of that was gone through when the page was made, and it was made for everybody.
"""

import re
from collections.abc import Mapping
from time import monotonic
from typing import Any

from sanic import Request
from sanic.http.constants import Stage
from sanic.log import access_logger
from sanic.server.protocols.http_protocol import HttpProtocol

from blog.cache import nginx
from blog.cache.encoded_response import Sent
from blog.cache.page_cache import PageCache, may_be_ours

IDLE = Stage.IDLE
LONGEST = 4096  # bytes; far below what Sanic itself takes
# Headers that ask for more than the page, or say that more is to come.
UNUSUAL = (
    b"authorization|content-length|content-type|expect|http2-settings|if-match|if-modified-since|"
    b"if-range|if-unmodified-since|keep-alive|proxy-connection|range|te|trailer|transfer-encoding|"
    b"upgrade|via"
)
# The lines of a plain head, in small letters: each is a name, a blank, and words without blanks
# around them. Six bear on the answer, and may be met once: `(?(1)(?!)|(x))` is the first group,
# and matches nothing a second time. What other lines say does not matter.
LINES = re.compile(
    rb"""(?:
        (?: host:\ (?(1)(?!)|(WORDS))
          | connection:\ (?(2)(?!)|(keep-alive))
          | accept-encoding:\ (?(3)(?!)|(WORDS))
          | if-none-match:\ (?(4)(?!)|(WORDS))
          | cookie:\ (?(5)(?!)|(WORDS))
          | x-accel-expires:\ (?(6)(?!)|(@[0-9]{9,12}))
          | (?!(?:host|connection|accept-encoding|if-none-match|cookie|x-accel-expires|UNUSUAL):)
            [a-z][a-z0-9-]*+:\ WORDS
        )\r\n
    )++\r\n""".replace(b"WORDS", rb"(?!\ )[ -~]++(?<!\ )").replace(b"UNUSUAL", UNUSUAL),
    re.VERBOSE,
)


class FastPath(HttpProtocol):
    """Sanic's protocol with a short way past it."""

    __slots__ = ("_pages",)

    def __init__(self, *, app: Any, **given: Any) -> None:
        super().__init__(app=app, **given)
        self._http = None
        self._pages: PageCache = app.ctx.pages

    def data_received(self, data: bytes) -> None:
        answer = self._find(data) if self._is_free() else None
        if answer is None or self.transport is None:
            super().data_received(data)
            return
        self._time = monotonic()  # of the last sign of life; keep-alive runs out from here
        self.state["requests_count"] += 1
        self.transport.write(answer)

    def _is_free(self) -> bool:
        """Nothing is being received, answered, written or closed."""
        if self.recv_buffer or self._task is None or not self._can_write.is_set():
            return False
        if self.transport is None or self.transport.is_closing():
            return False
        http = self._http
        if http is None:  # the task of a new connection has not run yet; it will find nothing
            return True
        # The rest of a body that was refused may still be arriving.
        return http.stage is IDLE and http.keep_alive and not http.request_body

    def _find(self, data: bytes) -> bytes | None:
        # No target needs to be looked at for its form: what is kept has the plainest there is.
        first, _, lines = data.partition(b" HTTP/1.1\r\n")
        if not first.startswith(b"GET ") or len(data) > LONGEST:
            return None
        said = LINES.fullmatch(lines.lower())
        if said is None:
            return None
        host, _, takes, known, cookies, second = said.groups(b"")
        if not host or (cookies and may_be_ours(cookies.decode())):
            return None
        if known:
            known = lines[slice(*said.span(4))]  # as it was written
        texts = takes.decode(), known.decode()
        sent = self._pages.at_once(first[4:], *texts, by_keeper=bool(second))
        if sent is None:
            return None
        if self.access_log:
            self._log(sent, lines[slice(*said.span(1))] + first[4:])
        return sent.kept_until(nginx.until(second.decode())) if second else sent.whole

    def _log(self, sent: Sent, address: bytes) -> None:
        """The line that Sanic would write."""
        who: Any = self.conn_info
        unix = f"{id(self.transport):X}"[-5:-1] + "unx"  # who comes by a socket has no address
        extra = {
            "status": sent.status,
            "byte": len(sent.body),
            "host": f"{who.client_ip}:{who.client_port}" if who.client_ip else unix,
            "request": f"GET {'https' if who.ssl else 'http'}://{address.decode()}",
            "duration": " 0.0ms",
        }
        access_logger.info("", extra=extra)


def of_scope(pages: PageCache, scope: Mapping[str, Any]) -> Sent | None:
    """The answer to what another server (ASGI) has received, and has taken apart itself."""
    pairs = [
        (name.lower(), text.decode(errors="surrogateescape")) for name, text in scope["headers"]
    ]
    lines = dict(pairs)
    if scope["method"] != "GET" or len(lines) < len(pairs):
        return None
    if nginx.HEADER.encode() in lines or may_be_ours(lines.get(b"cookie", "")):
        return None
    query = scope["query_string"]
    target = b"%b?%b" % (scope["raw_path"], query) if query else scope["raw_path"]
    return pages.at_once(target, lines.get(b"accept-encoding", ""), lines.get(b"if-none-match", ""))


def of_request(pages: PageCache, request: Request) -> Sent | None:
    """The answer to what Sanic has received: the lane is off, or it was not plain enough."""
    lines = request.headers
    if request.method not in ("GET", "HEAD") or nginx.HEADER in lines:
        return None
    if request.method == "HEAD" and request.stream and request.stream.request_body:
        return None  # its body would be read first, and may be refused
    if any(map(may_be_ours, lines.getall("cookie", ()))):
        return None
    takes, known = lines.get("accept-encoding", ""), lines.get("if-none-match", "")
    return pages.at_once(request.raw_url, takes, known)
