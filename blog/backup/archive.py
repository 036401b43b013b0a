"""Reads and writes the backup file: a compressed tar with metadata first and checksums last.

Unpacked by hand it is a data folder, and `sha256sum -c SHA256SUMS` checks it.
"""

import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Self

from blog.backup.streams import FAST, GzipWriter, HashedFile, Progress, Readable
from blog.config import N_, UserError
from blog.models.base import now

FORMAT = 1
HEAD, SUMS = "backup.json", "SHA256SUMS"
DATABASES = {"sqlite": "blog.sqlite3", "postgresql": "database.dump"}
CHUNK_SIZE = 1 << 20  # bytes
MAX_HEAD_SIZE = 1_000_000  # bytes
MAX_SUMS_SIZE = 500_000_000  # bytes
MAX_FILES = 2_000_000
SUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
# What the libraries raise for damaged data.
BROKEN = (
    *(tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError),
    *(UnicodeError, ValueError, RecursionError),
)


class Damaged(UserError):
    """The file is not a complete backup. Nothing of it is used."""


@dataclass(frozen=True)
class Head:
    """The metadata of a backup, stored as its first file.

    `revision` is the schema revision of the database, `counts` are rows by table, and `settings`
    the environment variables of the blog.
    """

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
    """One file of a backup. Its stream must be read before the next entry is requested."""

    name: str
    size: int
    stream: Readable


class Packer:
    """Writes a backup to an open file. The backup is complete once `end` has returned."""

    def __init__(self, file: IO[bytes], progress: Progress = lambda _: None) -> None:
        self._sums: list[str] = []
        self._progress = progress
        self._packed = GzipWriter(file)
        self._tar = tarfile.TarFile(
            fileobj=self._packed,  # type: ignore[arg-type]  # tarfile only calls tell and write
            mode="w",
            format=tarfile.PAX_FORMAT,
            copybufsize=CHUNK_SIZE,
        )

    def add(self, name: str, path: Path, level: int = FAST) -> None:
        """Add a file under a name, with a compression level. Raises OSError."""
        self._packed.use(level)
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            self._add(name, size, file, path.stat().st_mtime)

    def add_bytes(self, name: str, raw: bytes) -> None:
        """Add a file with this content."""
        self._packed.use(FAST)
        self._add(name, len(raw), io.BytesIO(raw), now().timestamp())

    def _add(self, name: str, size: int, file: IO[bytes], modified_at: float) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = size, int(modified_at), 0o600
        hashed = HashedFile(file, self._progress)
        self._tar.addfile(entry, hashed)
        self._sums.append(f"{hashed.sha256}  {name}\n")

    def end(self) -> None:
        """Write the checksums and finish the file."""
        self._packed.use(FAST)
        raw = "".join(self._sums).encode()
        self._add(SUMS, len(raw), io.BytesIO(raw), now().timestamp())
        self._tar.close()
        self._packed.close()


def head_bytes(head: Head) -> bytes:
    """Return the metadata as the content of its file."""
    return json.dumps(asdict(head), ensure_ascii=False, indent=1).encode()


class _LimitedHeader(tarfile.TarInfo):
    """A tar header of limited size: `tarfile` reads extended headers of any size into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse a header. Raises `ReadError` if it is too large."""
        header = super().frombuf(buf, encoding, errors)
        if header.size > MAX_HEAD_SIZE and not header.isreg():
            raise tarfile.ReadError(header.name)
        return header


class Unpacker:
    """Reads a backup. `head` is read at once; `entries` raises no error if all is complete."""

    def __init__(
        self, path: Path, file: IO[bytes], tar: tarfile.TarFile, packed: gzip.GzipFile
    ) -> None:
        self.path, self._file, self._tar, self._packed = path, file, tar, packed
        self._sums_read: dict[str, str] = {}
        self.head = self._read_head()

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open a backup.

        Raises `Damaged`, also while the entries are read, and OSError if the file cannot be opened.
        """
        with path.open("rb") as file, gzip.GzipFile(fileobj=file) as packed:
            try:
                with tarfile.open(
                    fileobj=packed, mode="r|", bufsize=CHUNK_SIZE, tarinfo=_LimitedHeader
                ) as tar:
                    yield cls(path, file, tar, packed)
            except BROKEN as fault:
                raise damaged(path, str(fault) or type(fault).__name__) from fault

    @property
    def position(self) -> int:
        """The number of bytes of the compressed file that have been read."""
        return self._file.tell()

    def _read_head(self) -> Head:
        try:
            first = self._tar.next()
        except BROKEN as fault:
            raise Damaged(NOT_A_BACKUP, file=self.path) from fault
        if first is None or first.name != HEAD or not first.isreg() or first.size > MAX_HEAD_SIZE:
            raise Damaged(NOT_A_BACKUP, file=self.path)
        raw = self._content(first).read()
        self._sums_read[HEAD] = hashlib.sha256(raw).hexdigest()
        return _parse_head(self.path, json.loads(raw))

    def entries(self) -> Iterator[ArchiveEntry]:
        """Yield every file between metadata and checksums.

        After the last one, all checksums have been compared.
        """
        listed = None
        while (info := self._tar.next()) is not None:
            if listed is not None or not info.isreg() or info.name in self._sums_read:
                raise damaged(self.path, info.name)
            if info.name == SUMS:
                listed = self._sums(info)
                continue
            stream = HashedFile(self._content(info), lambda _: None)
            self._check_name(info.name)
            yield ArchiveEntry(info.name, info.size, stream)
            while stream.read(CHUNK_SIZE):
                pass
            self._sums_read[info.name] = stream.sha256
            self._tar.members = []  # type: ignore[attr-defined]  # not in typeshed; the list would grow
        while self._packed.read(CHUNK_SIZE):  # gzip checks its checksum at the end
            pass
        self._compare(listed)

    def _content(self, info: tarfile.TarInfo) -> IO[bytes]:
        content = self._tar.extractfile(info)
        if content is None:
            raise damaged(self.path, info.name)
        return content

    def _sums(self, info: tarfile.TarInfo) -> dict[str, str]:
        if info.size > MAX_SUMS_SIZE:
            raise damaged(self.path, info.name)
        lines = self._content(info).read().decode().splitlines()
        matches = [SUM_LINE.fullmatch(line) for line in lines]
        return {match[2]: match[1] for match in matches if match}

    def _check_name(self, name: str) -> None:
        if len(self._sums_read) > MAX_FILES or not is_within(name):
            raise damaged(self.path, name)

    def _compare(self, listed: dict[str, str] | None) -> None:
        if listed is None:
            raise damaged(self.path, SUMS)
        for name in sorted(listed.keys() | self._sums_read.keys()):
            if listed.get(name) != self._sums_read.get(name):
                raise damaged(self.path, name)
        if DATABASES[self.head.database] not in listed:
            raise damaged(self.path, DATABASES[self.head.database])


def is_within(name: str) -> bool:
    """Whether a path stays inside the folder where it is unpacked, on any operating system."""
    parts = name.split("/")
    is_sane = name.isprintable() and "\\" not in name and ":" not in parts[0] and len(name) < 1000
    return is_sane and all(part not in ("", ".", "..") and len(part) < 250 for part in parts)


def _parse_head(path: Path, values: object) -> Head:
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise Damaged(NOT_A_BACKUP, file=path)
    if values["format"] > FORMAT:
        raise Damaged(N_("%(file)s was written by a newer release than this one."), file=path)
    try:
        head = Head(**values)
    except TypeError as fault:
        raise Damaged(NOT_A_BACKUP, file=path) from fault
    if not _is_valid(head) or head.database not in DATABASES:
        raise Damaged(NOT_A_BACKUP, file=path)
    return head


def _is_valid(head: Head) -> bool:
    """Whether all values, which come from JSON, have the declared types."""
    values: dict[str, object] = asdict(head)
    counts, settings, _ = values.pop("counts"), values.pop("settings"), values.pop("format")
    if not isinstance(counts, dict) or not isinstance(settings, dict):
        return False
    texts = (*values.values(), *settings.values())
    return all(isinstance(count, int) for count in counts.values()) and all(
        isinstance(text, str) for text in texts
    )


NOT_A_BACKUP = N_("%(file)s is not a backup of a blog.")


def damaged(path: Path, where: str) -> Damaged:
    """Return the error for a damaged file. `where` names an entry or quotes an error."""
    message = N_("%(file)s is damaged or incomplete (%(where)s). Nothing was changed.")
    return Damaged(message, file=path, where=printable(where[:200]))


def printable(text: str) -> str:
    """Return text for the terminal, with control characters replaced by question marks."""
    return "".join(character if character.isprintable() else "?" for character in text)
