"""The file that a backup is: a compressed tar that says first what it is, and last what is in it.

Unpacked by hand it is a data folder, and `sha256sum -c SHA256SUMS` checks it.
"""

import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from blog.config import N_, UserError
from blog.models.base import now

FORMAT = 1
HEAD, SUMS = "backup.json", "SHA256SUMS"
DATABASES = {"sqlite": "blog.sqlite3", "postgresql": "database.dump"}
LEVEL, AS_IT_IS = 1, 0  # pictures are compressed already
PIECE = 1 << 20
LARGEST_HEAD = 1_000_000
LARGEST_SUMS = 500_000_000
MOST_FILES = 2_000_000
SUM = re.compile(r"([0-9a-f]{64})  (.+)")
BROKEN = (
    *(tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError),
    *(UnicodeError, ValueError, RecursionError),
)
Progress = Callable[[int], object]


class Damaged(UserError):
    """A file that is no whole backup; nothing of it is used."""


@dataclass(frozen=True)
class Head:
    """What a backup says of itself before anything else."""

    made_at: str
    version: str
    revision: str
    database: str
    title: str = ""
    address: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class ArchiveEntry:
    """One file of a backup, to be read before the next is asked for."""

    name: str
    size: int
    stream: IO[bytes]


class Packer:
    """Writes a backup into an open file; whole once `end` has returned."""

    def __init__(self, file: IO[bytes], progress: Progress = lambda _: None) -> None:
        self._sums: list[str] = []
        self._progress = progress
        self._packed = _Packed(file)
        self._tar = tarfile.TarFile(
            fileobj=self._packed,  # type: ignore[arg-type]  # all that is asked of it is tell and write
            mode="w",
            format=tarfile.PAX_FORMAT,
            copybufsize=PIECE,
        )

    def add(self, name: str, path: Path, level: int = LEVEL) -> None:
        self._packed.use(level)
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            self._add(name, size, file, path.stat().st_mtime)

    def add_bytes(self, name: str, raw: bytes) -> None:
        self._packed.use(LEVEL)
        self._add(name, len(raw), io.BytesIO(raw), now().timestamp())

    def _add(self, name: str, size: int, file: IO[bytes], changed: float) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = size, int(changed), 0o600
        seen = _Seen(file, self._progress)
        self._tar.addfile(entry, seen)
        self._sums.append(f"{seen.sha256}  {name}\n")

    def end(self) -> None:
        self._packed.use(LEVEL)
        raw = "".join(self._sums).encode()
        self._add(SUMS, len(raw), io.BytesIO(raw), now().timestamp())
        self._tar.close()
        self._packed.close()


class _Packed:
    """Gzip whose level may change on the way: another member begins, as the format allows."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._level, self._size = file, LEVEL, 0
        self._member = gzip.GzipFile("", "wb", LEVEL, file)

    def use(self, level: int) -> None:
        if level != self._level:
            self._member.close()
            self._level = level
            self._member = gzip.GzipFile("", "wb", level, self._file)

    def write(self, piece: bytes) -> int:
        self._size += len(piece)
        return self._member.write(piece)

    def tell(self) -> int:
        return self._size

    def close(self) -> None:
        self._member.close()


class _Seen:
    """A file whose hash is taken while it is read."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._file, self._progress, self._digest = file, progress, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._digest.update(piece)
        self._progress(len(piece))
        return piece

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def head_bytes(head: Head) -> bytes:
    return json.dumps(asdict(head), ensure_ascii=False, indent=1).encode()


class _Header(tarfile.TarInfo):
    """What stands before a file. Python reads a long one whole into memory, however long."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if found.size > LARGEST_HEAD and not found.isreg():
            raise tarfile.ReadError(found.name)
        return found


class Unpacker:
    """A backup being read. `head` is known at once; `entries` end only where all of it is whole."""

    def __init__(
        self, path: Path, file: IO[bytes], tar: tarfile.TarFile, packed: gzip.GzipFile
    ) -> None:
        self.path, self._file, self._tar, self._packed = path, file, tar, packed
        self._found: dict[str, str] = {}
        self.head = self._read_head()

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Raises `Damaged`, here or while its entries are read, and OSError for no such file."""
        with path.open("rb") as file, gzip.GzipFile(fileobj=file) as packed:
            try:
                with tarfile.open(fileobj=packed, mode="r|", bufsize=PIECE, tarinfo=_Header) as tar:
                    yield cls(path, file, tar, packed)
            except BROKEN as fault:
                raise damaged(path, str(fault) or type(fault).__name__) from fault

    @property
    def place(self) -> int:
        """How many bytes of the file have been read."""
        return self._file.tell()

    def _read_head(self) -> Head:
        try:
            first = self._tar.next()
        except BROKEN as fault:
            raise Damaged(NONE_OF_OURS, file=self.path) from fault
        if first is None or first.name != HEAD or not first.isreg() or first.size > LARGEST_HEAD:
            raise Damaged(NONE_OF_OURS, file=self.path)
        raw = self._content(first).read()
        self._found[HEAD] = hashlib.sha256(raw).hexdigest()
        return _head(self.path, json.loads(raw))

    def entries(self) -> Iterator[ArchiveEntry]:
        """Every file between head and sums. After the last, everything has been checked."""
        listed = None
        while (info := self._tar.next()) is not None:
            if listed is not None or not info.isreg() or info.name in self._found:
                raise damaged(self.path, info.name)
            if info.name == SUMS:
                listed = self._sums(info)
                continue
            stream = _Seen(self._content(info), lambda _: None)
            self._refuse_name(info.name)
            yield ArchiveEntry(info.name, info.size, stream)  # type: ignore[arg-type]  # all that is asked of it is read
            while stream.read(PIECE):
                pass
            self._found[info.name] = stream.sha256
            self._tar.members = []  # type: ignore[attr-defined]  # typeshed has it not; it would grow
        while self._packed.read(PIECE):  # the checksum of the whole stands at the very end
            pass
        self._compare(listed)

    def _content(self, info: tarfile.TarInfo) -> IO[bytes]:
        content = self._tar.extractfile(info)
        if content is None:
            raise damaged(self.path, info.name)
        return content

    def _sums(self, info: tarfile.TarInfo) -> dict[str, str]:
        if info.size > LARGEST_SUMS:
            raise damaged(self.path, info.name)
        lines = self._content(info).read().decode().splitlines()
        found = [SUM.fullmatch(line) for line in lines]
        return {line[2]: line[1] for line in found if line}

    def _refuse_name(self, name: str) -> None:
        if len(self._found) > MOST_FILES or not is_within(name):
            raise damaged(self.path, name)

    def _compare(self, listed: dict[str, str] | None) -> None:
        if listed is None:
            raise damaged(self.path, SUMS)
        names = sorted(listed.keys() | self._found.keys())
        for name in names:
            if listed.get(name) != self._found.get(name):
                raise damaged(self.path, name)
        if DATABASES[self.head.database] not in listed:
            raise damaged(self.path, DATABASES[self.head.database])


def is_within(name: str) -> bool:
    """True for a path that stays in the folder it is unpacked into, on any system."""
    parts = name.split("/")
    sane = name.isprintable() and "\\" not in name and ":" not in parts[0] and len(name) < 1000
    return sane and all(part not in ("", ".", "..") and len(part) < 250 for part in parts)


def _head(path: Path, said: Any) -> Head:
    if not isinstance(said, dict) or not isinstance(said.get("format"), int):
        raise Damaged(NONE_OF_OURS, file=path)
    if said["format"] > FORMAT:
        raise Damaged(N_("%(file)s was written by a newer release than this one."), file=path)
    try:
        head = Head(**said)
    except TypeError as fault:
        raise Damaged(NONE_OF_OURS, file=path) from fault
    if not _is_sane(asdict(head)) or head.database not in DATABASES:
        raise Damaged(NONE_OF_OURS, file=path)
    return head


def _is_sane(said: dict[str, Any]) -> bool:
    """Whether everything is of the kind that we would say it in."""
    counts, settings, _ = said.pop("counts"), said.pop("settings"), said.pop("format")
    if not isinstance(counts, dict) or not isinstance(settings, dict):
        return False
    is_counted = all(isinstance(count, int) for count in counts.values())
    return is_counted and all(
        isinstance(word, str) for word in (*said.values(), *settings.values())
    )


NONE_OF_OURS = N_("%(file)s is not a backup of a blog.")


def damaged(path: Path, where: str) -> Damaged:
    message = N_("%(file)s is damaged or incomplete (%(where)s). Nothing was changed.")
    return Damaged(message, file=path, where=printable(where[:200]))


def printable(text: str) -> str:
    """Without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
