"""Streams that compress or hash a backup while it is written and read."""

import gzip
import hashlib
from collections.abc import Callable
from typing import IO, Protocol

FAST, UNCOMPRESSED = 1, 0  # levels of gzip; pictures are already compressed
Progress = Callable[[int], object]  # called with a number of bytes


class Readable(Protocol):
    """The part of a binary file that is used to read an entry."""

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes."""


class GzipWriter:
    """Writes gzip with changing levels. Each level starts a new member, as the format allows."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._level, self._size = file, FAST, 0
        self._member = gzip.GzipFile("", "wb", FAST, file)

    def use(self, level: int) -> None:
        """Compress what follows with this level."""
        if level != self._level:
            self._member.close()
            self._level = level
            self._member = gzip.GzipFile("", "wb", level, self._file)

    def write(self, chunk: bytes) -> int:
        """Write uncompressed bytes. Returns their number."""
        self._size += len(chunk)
        return self._member.write(chunk)

    def tell(self) -> int:
        """Return the number of uncompressed bytes written."""
        return self._size

    def close(self) -> None:
        """Finish the last member. The file stays open."""
        self._member.close()


class HashedFile:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._file, self._progress, self._digest = file, progress, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read and hash at most `size` bytes."""
        chunk = self._file.read(size)
        self._digest.update(chunk)
        self._progress(len(chunk))
        return chunk

    @property
    def sha256(self) -> str:
        """The hexadecimal SHA-256 of what has been read."""
        return self._digest.hexdigest()
