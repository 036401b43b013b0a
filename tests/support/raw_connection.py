"""A persistent connection for raw requests that no client library would send."""

import socket
from types import TracebackType
from typing import Self

TIMEOUT = 20  # seconds
PLAINEST = b"GET %b HTTP/1.1\r\nHost: ink.example\r\n%b\r\n"


def plain(path: str, *lines: str) -> bytes:
    """Return a minimal GET request for the path, with additional header lines."""
    return PLAINEST % (path.encode(), b"".join(line.encode() + b"\r\n" for line in lines))


class Heard:
    """One response as it was received."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.head, self.body = head, body
        self.status = int(head.split(b" ", 2)[1])
        pairs = (line.partition(b": ") for line in head.split(b"\r\n")[1:])
        self.headers = {name.decode().lower(): value.decode() for name, _, value in pairs if name}

    @property
    def text(self) -> str:
        return self.body.decode()


class RawConnection:
    """`with RawConnection(port) as raw: raw.ask(plain("/"))`. The connection stays open."""

    def __init__(self, port: int) -> None:
        self.line = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waiting = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.line.close()

    def say(self, words: bytes) -> None:
        self.line.sendall(words)

    def ask(self, words: bytes) -> Heard:
        self.say(words)
        return self.hear(is_head=words.startswith(b"HEAD"))

    def hear(self, *, is_head: bool = False) -> Heard:
        """Return the next complete response. Bytes after it are kept for the next call.

        Raises `EOFError` if the server has closed the connection.
        """
        while b"\r\n\r\n" not in self.waiting:
            self._more()
        head, _, _ = self.waiting.partition(b"\r\n\r\n")
        heard = Heard(head, b"")
        has_body = not is_head and heard.status not in (204, 304)
        begin = len(head) + 4
        end = begin + (int(heard.headers.get("content-length", 0)) if has_body else 0)
        while len(self.waiting) < end:
            self._more()
        heard.body, self.waiting = self.waiting[begin:end], self.waiting[end:]
        return heard

    def is_closed(self) -> bool:
        return self.line.recv(1) == b""

    def _more(self) -> None:
        piece = self.line.recv(65536)
        if not piece:
            raise EOFError(self.waiting)
        self.waiting += piece
