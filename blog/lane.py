"""The lane: a kept page is answered before a request object is built.

Sanic's protocol gathers bytes, wakes a task, parses, routes and runs middleware, and then finds
that the answer was there all along. Where one read brings one whole GET of the plainest form, on
a connection on which nothing else is going on, the lane looks the page up by the target itself
and writes it. Everything else goes Sanic's way: what is pipelined, split, spelled oddly, has a
body, asks for a range or an upgrade, or shows a cookie of ours. The lane never refuses anything
and never decides anything; it only takes what the long way would answer with the same bytes.
"""

import re
from time import monotonic
from typing import Any

from sanic.http.constants import Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from blog.pages import OURS, Pages
from blog.ready import Sent, accepted

LONGEST = 4096  # bytes; far below what Sanic itself takes
PLAIN = re.compile(
    rb"GET (/[!-~]*) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z][A-Za-z0-9-]*: [!-~](?:[ -~]*[!-~])?\r\n)+)\r\n"
)
# Headers that ask for more than the page, or say that more is to come.
UNUSUAL = frozenset(
    b"authorization content-length content-type expect http2-settings if-match if-modified-since "
    b"if-range if-unmodified-since keep-alive proxy-connection range te trailer transfer-encoding "
    b"upgrade via x-accel-expires".split()
)
COOKIES = tuple(name.encode() for name in OURS)


class Lane(HttpProtocol):
    """Sanic's protocol with a short way past it, for as long as nobody wants a line in the log."""

    __slots__ = ("_pages",)

    def __init__(self, *, app: Any, **given: Any) -> None:
        super().__init__(app=app, **given)
        self._pages: Pages | None = None if self.access_log else app.ctx.pages

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        answer = self._find(data, now) if self._pages and self._is_free() else None
        if answer is None or self.transport is None:
            super().data_received(data)
            return
        self._time = now  # of the last sign of life; keep-alive runs out from here
        self.state["requests_count"] += 1
        self.transport.write(answer.whole)

    def _is_free(self) -> bool:
        """Nothing is being received, answered, written or closed."""
        if self.recv_buffer or self._task is None or not self._can_write.is_set():
            return False
        if self.transport is None or self.transport.is_closing():
            return False
        http = self.http
        if http is None:  # the task of a new connection has not run yet; it will find nothing
            return True
        # The rest of a body that was refused may still be arriving.
        return http.stage is Stage.IDLE and http.keep_alive and not http.request_body

    def _find(self, data: bytes, now: float) -> Sent | None:
        if len(data) > LONGEST or not (asked := PLAIN.fullmatch(data)):
            return None
        target, lines = asked.groups()
        found: dict[bytes, bytes] = {}
        for line in lines.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b": ")
            name = name.lower()
            if name in UNUSUAL or (name in found and name != b"cookie"):
                return None
            found[name] = value
            if name == b"cookie" and any(ours in value for ours in COOKIES):
                return None
        if b"host" not in found or found.get(b"connection", b"keep-alive").lower() != b"keep-alive":
            return None
        pages = self._pages
        page = pages.find(target) if pages and pages.follower.is_current(now) else None
        if page is None:
            return None
        takes = accepted(found.get(b"accept-encoding", b"").decode())
        return page.form(takes, found.get(b"if-none-match", b"").decode())
