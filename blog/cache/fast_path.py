"""Serves cached pages before Sanic parses the request or looks for a route.

Sanic's protocol collects bytes, wakes a task, parses, routes and runs middleware, only for the
answer to be in the cache already. If one read from the socket brings one complete, simple GET
request, on a connection that is otherwise idle, `FastPath` looks the page up by the request target
and writes it. Sanic handles everything else: requests that are pipelined, split or spelled
unusually, that have a body, ask for a range or an upgrade, or send one of our cookies. The fast
path never rejects a request; it only sends the bytes that the normal path would send.

Two more functions serve cached pages, before routing and middleware, to requests that cannot use
`FastPath`: `of_request` to those that Sanic has parsed, `of_scope` to those of an ASGI server.
Routing and middleware ran when the page was rendered, and the page is the same for every visitor.
"""

import re
from time import monotonic
from typing import Any

from sanic import Request
from sanic.http.constants import Stage
from sanic.log import access_logger
from sanic.models.asgi import ASGIScope
from sanic.models.server_types import ConnInfo
from sanic.server.protocols.http_protocol import HttpProtocol

from blog.cache import nginx
from blog.cache.encoded_response import Variant
from blog.cache.page_cache import PageCache, may_have_personal_cookie
from blog.request_metrics import RequestMetrics
from blog.web import App

IDLE = Stage.IDLE
MAX_HEAD = 4096  # bytes; far below what Sanic itself accepts
# Headers that ask for more than the page, or announce a body.
UNUSUAL = (
    b"authorization|content-length|content-type|expect|http2-settings|if-match|if-modified-since|"
    b"if-range|if-unmodified-since|keep-alive|proxy-connection|range|te|trailer|transfer-encoding|"
    b"upgrade|via"
)
# The header lines of a simple request, in lower case: each is a name, a colon, a space, and a value
# without spaces around it. Six headers affect the answer and may occur once: `(?(1)(?!)|(x))` is
# group 1, and cannot match a second time. The values of other headers do not matter.
HEADER_LINES = re.compile(
    rb"""(?:
        (?: host:\ (?(1)(?!)|(VALUE))
          | connection:\ (?(2)(?!)|(keep-alive))
          | accept-encoding:\ (?(3)(?!)|(VALUE))
          | if-none-match:\ (?(4)(?!)|(VALUE))
          | cookie:\ (?(5)(?!)|(VALUE))
          | x-accel-expires:\ (?(6)(?!)|(@[0-9]{9,12}))
          | (?!(?:host|connection|accept-encoding|if-none-match|cookie|x-accel-expires|UNUSUAL):)
            [a-z][a-z0-9-]*+:\ VALUE
        )\r\n
    )++\r\n""".replace(b"VALUE", rb"(?!\ )[ -~]++(?<!\ )").replace(b"UNUSUAL", UNUSUAL),
    re.VERBOSE,
)


class FastPath(HttpProtocol):
    """Sanic's HTTP protocol, which first tries to answer from the page cache."""

    __slots__ = ("_pages", "_request_metrics")

    def __init__(self, *, app: App, **options: Any) -> None:
        super().__init__(app=app, **options)
        self._http = None
        self._pages: PageCache = app.ctx.page_cache
        self._request_metrics: RequestMetrics = app.ctx.request_metrics

    def data_received(self, data: bytes) -> None:
        """Answer a simple request for a cached page; leave everything else to Sanic."""
        received_at = monotonic()
        variant = self._find(data, received_at) if self._is_free() else None
        if variant is None or self.transport is None:
            super().data_received(data)
            return
        self.state["requests_count"] += 1
        self.transport.write(variant.response_bytes)
        self._time = monotonic()  # of the last activity; the keep-alive timeout counts from here
        self._request_metrics.count_fast(variant.status, self._time - received_at)

    def _is_free(self) -> bool:
        """Return whether nothing is being received, answered, written or closed."""
        if self.recv_buffer or self._task is None or not self._can_write.is_set():
            return False
        if self.transport is None or self.transport.is_closing():
            return False
        http = self._http
        if http is None:  # the task of a new connection has not run yet, and will find no data
            return True
        # The rest of a rejected body may still be arriving.
        return http.stage is IDLE and http.keep_alive and not http.request_body

    def _find(self, data: bytes, received_at: float) -> Variant | None:
        """Return the complete response to a request, or None if Sanic must handle it.

        `received_at` is a time of `time.monotonic`.
        """
        # The target needs no check: the cache only has targets in their simplest spelling.
        start, _, lines = data.partition(b" HTTP/1.1\r\n")
        if not start.startswith(b"GET ") or len(data) > MAX_HEAD:
            return None
        match = HEADER_LINES.fullmatch(lines.lower())
        if match is None:
            return None
        host, _, accept_encoding, if_none_match, cookies, second = match.groups(b"")
        if not host or (cookies and may_have_personal_cookie(cookies.decode())):
            return None
        if if_none_match:
            if_none_match = lines[slice(*match.span(4))]  # in its original case
        # Unpacking the arguments from a tuple would take 0.4 µs more.
        variant = self._pages.get_now(
            start[4:],
            accept_encoding.decode(),
            if_none_match.decode(),
            received_at,
            for_proxy=second != b"",
        )
        if variant is None:
            return None
        if self.access_log:
            self._log(variant, lines[slice(*match.span(1))] + start[4:])
        if second:
            return variant.with_expiry(nginx.expiry_for(second.decode()))
        return variant

    def _log(self, variant: Variant, url: bytes) -> None:
        """Write the access log entry that Sanic would write; `url` is host and target."""
        client: ConnInfo | None = self.conn_info
        if client is None:
            return
        # A client on a Unix socket has no address.
        unix = f"{id(self.transport):X}"[-5:-1] + "unx"
        extra = {
            "status": variant.status,
            "byte": len(variant.body),
            "host": f"{client.client_ip}:{client.client_port}" if client.client_ip else unix,
            "request": f"GET {'https' if client.ssl else 'http'}://{url.decode()}",
            "duration": " 0.0ms",
        }
        access_logger.info("", extra=extra)


def of_scope(pages: PageCache, scope: ASGIScope) -> Variant | None:
    """Return the cached answer to a request that an ASGI server has parsed, or None."""
    pairs = [
        (name.lower(), value.decode(errors="surrogateescape")) for name, value in scope["headers"]
    ]
    headers = dict(pairs)
    if scope["method"] != "GET" or len(headers) < len(pairs):  # a header occurs twice
        return None
    if nginx.HEADER.encode() in headers or may_have_personal_cookie(headers.get(b"cookie", "")):
        return None
    query = scope["query_string"]
    target = b"%b?%b" % (scope["raw_path"], query) if query else scope["raw_path"]
    accept_encoding = headers.get(b"accept-encoding", "")
    return pages.get_now(target, accept_encoding, headers.get(b"if-none-match", ""), monotonic())


def of_request(pages: PageCache, request: Request) -> Variant | None:
    """Return the cached answer to a request that Sanic has parsed, or None.

    Such a request was not simple enough for `FastPath`, or `FastPath` is turned off.
    """
    headers = request.headers
    if request.method not in ("GET", "HEAD") or nginx.HEADER in headers:
        return None
    if request.method == "HEAD" and request.stream and request.stream.request_body:
        return None  # Sanic reads its body first, and may reject it
    if any(map(may_have_personal_cookie, headers.getall("cookie", ()))):
        return None
    accept_encoding = headers.get("accept-encoding", "")
    if_none_match = headers.get("if-none-match", "")
    return pages.get_now(request.raw_url, accept_encoding, if_none_match, monotonic())
