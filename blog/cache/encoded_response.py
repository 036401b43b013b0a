"""Encodes a cached page once, headers and body, in each content encoding it can be served in."""

import gzip
import hashlib
import re
from collections.abc import Iterator
from copy import copy
from functools import lru_cache

import brotli
from sanic import HTTPResponse, Request

from blog.cache import nginx

PLAIN, GZIP, BROTLI = "", "gzip", "br"
KEEP_ALIVE = b"connection: keep-alive\r\n\r\n"
# Measured memory in bytes: of a page besides its variants, and of a variant besides its bytes.
PAGE_OVERHEAD, VARIANT_OVERHEAD = 2700, 250
ETAG = re.compile(r'(?:W/)?("[^"]*")')


class Variant:
    """One variant of a page: the response in one content encoding, or its 304.

    `header_block` holds the header lines without the status line and the Connection header,
    `response_bytes` the complete HTTP/1.1 response with `connection: keep-alive`.
    """

    __slots__ = ("_body_start", "header_block", "response_bytes", "status")

    def __init__(self, status: int, reason: bytes, pairs: list[tuple[str, str]], body: bytes):
        lines = (f"{name}: {value}\r\n".encode() for name, value in pairs)
        self.status, self.header_block = status, b"".join(lines)
        head = b"HTTP/1.1 %d %b\r\n%b%b" % (status, reason, self.header_block, KEEP_ALIVE)
        self._body_start, self.response_bytes = len(head), head + body

    @property
    def body(self) -> bytes:
        """The encoded body."""
        return self.response_bytes[self._body_start :]

    def with_expiry(self, expiry: str) -> "Variant":
        """Return a copy for a proxy that may cache it; see `nginx.expiry_for`."""
        line = b"%b: %b\r\n" % (nginx.HEADER.encode(), expiry.encode())
        status_line, _, rest = self.response_bytes.partition(b"\r\n")
        variant = copy(self)
        variant.header_block = line + self.header_block
        variant.response_bytes = b"%b\r\n%b%b" % (status_line, line, rest)
        variant._body_start += len(line)
        return variant

    def lines(self) -> list[tuple[bytes, bytes]]:
        """Return the headers as pairs, for ASGI servers, which write the head themselves."""
        pairs = (line.partition(b": ") for line in self.header_block.splitlines())
        return [(name, value) for name, _, value in pairs]


class CachedPage:
    """A cached page: uncompressed at first, compressed too once it is requested again.

    `tags` name what the page shows, in the vocabulary of the change table. `size` estimates the
    memory it takes, in bytes.
    """

    __slots__ = ("etag", "not_modified", "pairs", "size", "tags", "variants", "was_requested_again")

    def __init__(self, response: HTTPResponse, tags: frozenset[str]) -> None:
        body = response.body or b""
        self.tags, self.was_requested_again = tags, False
        # A weak ETag, because all content encodings share it.
        self.etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        self.pairs = [
            *((name, str(value)) for name, value in response.headers.items()),
            ("etag", self.etag),
            ("content-type", str(response.content_type)),
        ]
        self.not_modified = Variant(304, b"Not Modified", self.pairs[:-1], b"")
        self.variants = {PLAIN: self._variant(PLAIN, body)}
        self.size = self._measure()

    def compress(self) -> dict[str, Variant]:
        """Return the compressed variants, by content encoding; this takes milliseconds."""
        body = self.variants[PLAIN].body
        return {
            GZIP: self._variant(GZIP, gzip.compress(body, 9, mtime=0)),
            BROTLI: self._variant(BROTLI, brotli.compress(body, quality=9)),
        }

    @property
    def is_compressed(self) -> bool:
        """Whether the compressed variants have been added."""
        return len(self.variants) > 1

    def add(self, variants: dict[str, Variant]) -> None:
        """Add variants that `compress` returned."""
        self.variants |= variants
        self.size = self._measure()

    def select(self, encodings: tuple[str, ...], if_none_match: str) -> Variant:
        """Return the variant in the first available encoding, or the 304 if the ETag matches.

        `encodings` comes from `accepted`, `if_none_match` is the header's value or "".
        """
        if if_none_match and matches(if_none_match, self.etag):
            return self.not_modified
        variants = self.variants
        for encoding in encodings:
            if encoding in variants:
                return variants[encoding]
        return variants[PLAIN]

    def _variant(self, encoding: str, body: bytes) -> Variant:
        extra = [("content-encoding", encoding)] if encoding else []
        return Variant(200, b"OK", [*self.pairs, *extra, ("content-length", str(len(body)))], body)

    def _measure(self) -> int:
        variants = [self.not_modified, *self.variants.values()]
        return PAGE_OVERHEAD + sum(
            len(variant.response_bytes) + len(variant.header_block) + VARIANT_OVERHEAD
            for variant in variants
        )


class EncodedResponse(HTTPResponse):
    """A variant of a cached page as a Sanic response, whose headers are already encoded."""

    __slots__ = ("_expiry", "_is_asgi", "_variant")
    is_finished = True  # middleware must not add headers

    def __init__(self, request: Request, variant: Variant, expiry: str = "") -> None:
        super().__init__(variant.body, variant.status)
        self._variant, self._expiry, self._is_asgi = variant, expiry, request.app.asgi

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        """The headers for Sanic to write.

        Sanic's own server writes each pair as it is, so the whole header block goes out as the
        value of its first header. ASGI servers reject that and get the headers one by one.
        """
        if self._expiry:
            yield nginx.HEADER.encode(), self._expiry.encode()
        if self._is_asgi:
            yield from self._variant.lines()
            return
        name, _, rest = self._variant.header_block[:-2].partition(b": ")
        yield name, rest
        yield b"connection", self.headers["connection"].encode()


@lru_cache(maxsize=256)
def accepted(header: str) -> tuple[str, ...]:
    """Return those of `br` and `gzip` that an Accept-Encoding header allows, preferred first."""
    weights = {}
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    default = weights.get("*", 0.0)
    ours = [(weights.get(name, default), name) for name in (BROTLI, GZIP)]
    by_weight = sorted(ours, key=lambda weighted: -weighted[0])
    return tuple(name for weight, name in by_weight if weight > 0)


def _weight(parameter: str) -> float:
    """Return the value of `q=…`: 1 if there is none, 0 if it is not a number."""
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def matches(if_none_match: str, etag: str) -> bool:
    """Return whether an If-None-Match header contains this weak ETag, or is `*`."""
    return if_none_match.strip() == "*" or etag[2:] in ETAG.findall(if_none_match)


def is_cacheable(request: Request, response: HTTPResponse) -> bool:
    """Return whether a response is complete, and may be shown to everybody."""
    return (
        response.status == 200
        and not request.ctx.private
        and "set-cookie" not in response.headers
        and "no-store" not in str(response.headers.get("cache-control", ""))
    )
