"""Static files laid out under one content hash, each with its `.gz`, for nginx and the workers."""

import gzip
import hashlib
import os
import re
import secrets
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from blog.config import Config

KEPT = 3  # the layout in use, and those that pages kept elsewhere may still ask for
HOUR = 3600

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".xml": "application/xml; charset=utf-8",
    ".xsl": "application/xslt+xml; charset=utf-8",
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".ico": "image/vnd.microsoft.icon",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
COMPRESSED = {
    ".css",
    ".ico",
    ".js",
    ".json",
    ".map",
    ".svg",
    ".txt",
    ".webmanifest",
    ".xml",
    ".xsl",
}


class NoSuchStatic(LookupError):
    """A template or a view names a static file that is not there."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it goes out: `body` is gzipped where `encoding` says so."""

    body: bytes
    type: str
    encoding: str | None = None


@dataclass(frozen=True)
class Statics:
    """The layout in use, and every kept one in memory: a worker never waits for the disk."""

    hash: str
    names: frozenset[str]
    files: dict[str, tuple[StaticFile, StaticFile | None]]

    def url(self, name: str) -> str:
        """Address of `css/site.css`. Raises `NoSuchStatic`: a slip fails in the first test."""
        if name not in self.names:
            raise NoSuchStatic(f"There is no static file {name!r}.")
        return f"/static/{self.hash}/{name}"

    def find(self, path: str, accept_gzip: bool = False) -> StaticFile | None:
        """What stands at `/static/<path>`, hash included."""
        plain, packed = self.files.get(path, (None, None))
        return packed if accept_gzip and packed else plain


def collect(config: Config) -> Statics:
    """Lay the files out unless they are, and load them. Safe for many processes at once.

    A file of the owner's stands instead of ours of the same name.
    """
    ours = {name: _lean(name, body) for name, body in _sources(config.static_dirs)}
    sources = ours | dict(_sources({"": config.theme_dir}))
    wanted = _hash(sources)
    root = config.data_dir / "static"
    target = root / wanted
    if not _is_whole(target):
        _lay(sources, target)
    os.utime(target)
    _forget_old(root, target)
    return Statics(wanted, frozenset(sources), _load_all(root, target))


def _sources(folders: dict[str, Path]) -> Iterator[tuple[str, bytes]]:
    """Every file under its name in the layout; hidden ones are an editor's or the system's."""
    seen = set()
    for prefix, folder in folders.items():
        for inside, path in _files(folder):
            if inside.startswith(".") or "/." in inside or path.suffix == ".gz":
                continue
            name = f"{prefix}/{inside}" if prefix else inside
            if name in seen:
                raise ValueError(f"Two static files have the name {name!r}.")
            seen.add(name)
            yield name, path.read_bytes()


def _lean(name: str, body: bytes) -> bytes:
    """Our stylesheets without what is said to their authors: a fifth of their weight, packed."""
    if not name.endswith(".css"):
        return body
    return re.sub(rb"/\*.*?\*/\s*|(?<=\n)[ \n]+", b"", body, flags=re.DOTALL)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _hash(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return digest.hexdigest()[:16]


def _is_whole(layout: Path) -> bool:
    """False where nothing is laid yet, and where a power cut or a hand has damaged it."""
    laid = {name: path.read_bytes() for name, path in _files(layout)}
    plain = {name: body for name, body in laid.items() if not name.endswith(".gz")}
    try:
        packed = {name: gzip.decompress(laid[name]) for name in laid.keys() - plain.keys()}
    except (OSError, EOFError, zlib.error):
        return False
    matches = all(plain.get(name[:-3]) == body for name, body in packed.items())
    return layout.is_dir() and matches and _hash(plain) == layout.name


def _lay(sources: dict[str, bytes], target: Path) -> None:
    """Written aside and renamed whole, so that nobody ever sees half of it."""
    draft = target.parent / f".new-{secrets.token_hex(8)}"
    draft.mkdir(parents=True)
    try:
        for name, body in sources.items():
            _write(draft / name, body)
        _put(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    packed = gzip.compress(body, 9, mtime=0)
    if path.suffix in COMPRESSED and len(packed) < len(body):
        path.with_name(f"{path.name}.gz").write_bytes(packed)


def _put(draft: Path, target: Path) -> None:
    """The first of several processes wins; a damaged layout is moved out of the way."""
    try:
        draft.rename(target)
    except OSError:
        if _is_whole(target):
            return
        damaged = target.rename(target.parent / f".old-{secrets.token_hex(8)}")
        draft.rename(target)
        shutil.rmtree(damaged, ignore_errors=True)


def _forget_old(root: Path, target: Path) -> None:
    """Keep the newest layouts; what starts with a dot is left from a crash, or being written."""
    newest = target.stat().st_mtime
    layouts = sorted(_layouts(root), key=lambda path: path.stat().st_mtime, reverse=True)
    stale = [path for path in root.glob(".*") if newest - path.stat().st_mtime > HOUR]
    for path in layouts[KEPT:] + stale:
        shutil.rmtree(path, ignore_errors=True)


def _layouts(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if not path.name.startswith(".")]


def _load_all(root: Path, target: Path) -> dict[str, tuple[StaticFile, StaticFile | None]]:
    """Every kept layout; an older one may be swept away by another process meanwhile."""
    files = dict(_load(target))
    for layout in _layouts(root):
        with suppress(FileNotFoundError):
            files |= dict(_load(layout))
    return files


def _load(layout: Path) -> Iterator[tuple[str, tuple[StaticFile, StaticFile | None]]]:
    laid = dict(_files(layout))
    for name, path in laid.items():
        if path.suffix == ".gz":
            continue
        type = TYPES.get(path.suffix, "application/octet-stream")
        packed = laid.get(f"{name}.gz")
        yield (
            f"{layout.name}/{name}",
            (
                StaticFile(path.read_bytes(), type),
                StaticFile(packed.read_bytes(), type, "gzip") if packed else None,
            ),
        )
