"""A finished answer as bytes: its head encoded once, compressed once, for every way of asking."""

import gzip
import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

import brotli
from sanic import HTTPResponse, Request

from blog.cache import nginx

PLAIN, GZIP, BROTLI = "", "gzip", "br"
KEEP_ALIVE = b"connection: keep-alive\r\n\r\n"
ASIDE, EACH = 2700, 250  # bytes that a page takes beside its forms, and a form beside its bytes
ETAG = re.compile(r'(?:W/)?("[^"]*")')


class Sent:
    """One form of a page: `block` are its header lines, `whole` is all that goes over the wire."""

    __slots__ = ("_begin", "block", "status", "whole")

    def __init__(self, status: int, reason: bytes, pairs: list[tuple[str, str]], body: bytes):
        lines = (f"{name}: {value}\r\n".encode() for name, value in pairs)
        self.status, self.block = status, b"".join(lines)
        head = b"HTTP/1.1 %d %b\r\n%b%b" % (status, reason, self.block, KEEP_ALIVE)
        self._begin, self.whole = len(head), head + body

    @property
    def body(self) -> bytes:
        return self.whole[self._begin :]

    def kept_until(self, second: str) -> bytes:
        """All that goes over the wire to a proxy that may keep it so long; see `proxy`."""
        first, _, rest = self.whole.partition(b"\r\n")
        return b"%b\r\n%b: %b\r\n%b" % (first, nginx.HEADER.encode(), second.encode(), rest)

    def lines(self) -> list[tuple[bytes, bytes]]:
        """Its header lines as pairs, for servers that write them out themselves."""
        pairs = (line.partition(b": ") for line in self.block.splitlines())
        return [(name, value) for name, _, value in pairs]


class CachedPage:
    """A kept page: plain at first, packed when it is asked for again, and 304 for who has it.

    `tags` say what it shows, in the words of the change table.
    """

    __slots__ = ("etag", "forms", "is_asked_again", "pairs", "size", "tags", "unchanged")

    def __init__(self, response: HTTPResponse, tags: frozenset[str]) -> None:
        body = response.body or b""
        self.tags, self.is_asked_again = tags, False
        # Weak: the same text, however it is packed.
        self.etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        self.pairs = [
            *((name, str(value)) for name, value in response.headers.items()),
            ("etag", self.etag),
            ("content-type", str(response.content_type)),
        ]
        self.unchanged = Sent(304, b"Not Modified", self.pairs[:-1], b"")
        self.forms = {PLAIN: self._form(PLAIN, body)}
        self.size = self._weigh()

    def packed(self) -> dict[str, Sent]:
        """The smaller forms; they take milliseconds to make."""
        body = self.forms[PLAIN].body
        return {
            GZIP: self._form(GZIP, gzip.compress(body, 9, mtime=0)),
            BROTLI: self._form(BROTLI, brotli.compress(body, quality=9)),
        }

    @property
    def is_packed(self) -> bool:
        return len(self.forms) > 1

    def take(self, forms: dict[str, Sent]) -> None:
        self.forms |= forms
        self.size = self._weigh()

    def form(self, accepted: tuple[str, ...], known: str) -> Sent:
        """The best of those that the reader takes, or the word that what they have is current."""
        if known and has(known, self.etag):
            return self.unchanged
        forms = self.forms
        for encoding in accepted:
            if encoding in forms:
                return forms[encoding]
        return forms[PLAIN]

    def _form(self, encoding: str, body: bytes) -> Sent:
        extra = [("content-encoding", encoding)] if encoding else []
        return Sent(200, b"OK", [*self.pairs, *extra, ("content-length", str(len(body)))], body)

    def _weigh(self) -> int:
        sent = [self.unchanged, *self.forms.values()]
        return ASIDE + sum(len(one.whole) + len(one.block) + EACH for one in sent)


class EncodedResponse(HTTPResponse):
    """One form of a page, as Sanic sends it: nothing is encoded any more."""

    __slots__ = ("_is_asgi", "_sent", "_until")
    is_finished = True  # no header is to be added

    def __init__(self, request: Request, sent: Sent, until: str = "") -> None:
        super().__init__(sent.body, sent.status)
        self._sent, self._until, self._is_asgi = sent, until, request.app.asgi

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        """Folded into one pair, which Sanic's own server writes out as it is; others refuse."""
        if self._until:
            yield nginx.HEADER.encode(), self._until.encode()
        if self._is_asgi:
            yield from self._sent.lines()
            return
        name, _, rest = self._sent.block[:-2].partition(b": ")
        yield name, rest
        yield b"connection", self.headers["connection"].encode()


@lru_cache(maxsize=256)
def accepted(text: str) -> tuple[str, ...]:
    """The encodings of ours that an Accept-Encoding header takes, the best first."""
    weights = {}
    for part in text.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    any_other = weights.get("*", 0.0)
    ours = [(weights.get(name, any_other), name) for name in (BROTLI, GZIP)]
    return tuple(name for weight, name in sorted(ours, key=lambda one: -one[0]) if weight > 0)


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def has(known: str, etag: str) -> bool:
    """Whether an If-None-Match header names this page."""
    return known.strip() == "*" or etag[2:] in ETAG.findall(known)
