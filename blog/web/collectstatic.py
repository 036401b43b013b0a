"""Collects CSS, JavaScript and other static files in a folder named after their content hash.

Compressible files get a `.gz` next to them. nginx serves the folder from disk, or each worker from
memory.
"""

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

KEPT = 3  # layouts: the current one, and older ones that pages in other caches still refer to
HOUR = 3600  # seconds

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
    """A template or a view names a static file that does not exist."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """The content of one file. `body` is compressed if `encoding` is "gzip"."""

    body: bytes
    type: str
    encoding: str | None = None


@dataclass(frozen=True)
class Statics:
    """The static files in memory, so that a worker never waits for the disk.

    `hash` and `names` are those of the current layout. `files` has the files of every layout on
    disk, by `<hash>/<name>`, each with its compressed version if there is one.
    """

    hash: str
    names: frozenset[str]
    files: dict[str, tuple[StaticFile, StaticFile | None]]

    def url(self, name: str) -> str:
        """Return the URL path of a file such as `css/site.css`.

        Raises `NoSuchStatic`, so that a misspelt name fails in the first test.
        """
        if name not in self.names:
            raise NoSuchStatic(f"There is no static file {name!r}.")
        return f"/static/{self.hash}/{name}"

    def find(self, path: str, accept_gzip: bool = False) -> StaticFile | None:
        """Return the file at `/static/<path>`, where `path` is `<hash>/<name>`, or None."""
        plain, compressed = self.files.get(path, (None, None))
        return compressed if accept_gzip and compressed else plain


def collect(config: Config) -> Statics:
    """Write the current layout unless it exists, delete old ones, and load all that remain.

    A file in the site owner's theme replaces ours of the same name. Several processes may do this
    at the same time.
    """
    ours = {name: _minify(name, body) for name, body in _sources(config.static_dirs)}
    sources = ours | dict(_sources({"": config.theme_dir}))
    hash = _hash(sources)
    root = config.data_dir / "static"
    target = root / hash
    if not _is_intact(target):
        _write_layout(sources, target)
    os.utime(target)
    _delete_old(root, target)
    return Statics(hash, frozenset(sources), _load_all(root, target))


def _sources(folders: dict[str, Path]) -> Iterator[tuple[str, bytes]]:
    """Yield each file's name in the layout and its content.

    `folders` maps the prefix of a name to the folder. Hidden files, which editors and operating
    systems leave behind, are skipped. Raises `ValueError` if two files have the same name.
    """
    seen = set()
    for prefix, folder in folders.items():
        for relative, path in _files(folder):
            if relative.startswith(".") or "/." in relative or path.suffix == ".gz":
                continue
            name = f"{prefix}/{relative}" if prefix else relative
            if name in seen:
                raise ValueError(f"Two static files have the name {name!r}.")
            seen.add(name)
            yield name, path.read_bytes()


def _minify(name: str, body: bytes) -> bytes:
    """Remove comments and indentation from a stylesheet: a fifth of its compressed size."""
    if not name.endswith(".css"):
        return body
    return re.sub(rb"/\*.*?\*/\s*|(?<=\n)[ \n]+", b"", body, flags=re.DOTALL)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file below a folder, sorted, with its path relative to the folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _hash(files: dict[str, bytes]) -> str:
    """Return the first 16 hex digits of a SHA-256 over all names and contents."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return digest.hexdigest()[:16]


def _is_intact(layout: Path) -> bool:
    """Return whether a layout exists and its content still has the hash in its name.

    A power cut or a change by hand may have damaged it.
    """
    files = {name: path.read_bytes() for name, path in _files(layout)}
    plain = {name: body for name, body in files.items() if not name.endswith(".gz")}
    try:
        unpacked = {name: gzip.decompress(files[name]) for name in files.keys() - plain.keys()}
    except (OSError, EOFError, zlib.error):
        return False
    matches = all(plain.get(name[:-3]) == body for name, body in unpacked.items())
    return layout.is_dir() and matches and _hash(plain) == layout.name


def _write_layout(sources: dict[str, bytes], target: Path) -> None:
    """Write a temporary folder and rename it, so that no process sees an incomplete layout."""
    draft = target.parent / f".new-{secrets.token_hex(8)}"
    draft.mkdir(parents=True)
    try:
        for name, body in sources.items():
            _write_file(draft / name, body)
        _publish(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_file(path: Path, body: bytes) -> None:
    """Write a file, and its compressed version if that is smaller."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    compressed = gzip.compress(body, 9, mtime=0)
    if path.suffix in COMPRESSED and len(compressed) < len(body):
        path.with_name(f"{path.name}.gz").write_bytes(compressed)


def _publish(draft: Path, target: Path) -> None:
    """Rename the draft to `target`, replacing a damaged layout.

    If another process has already published an intact one, that one stays.
    """
    try:
        draft.rename(target)
    except OSError:
        if _is_intact(target):
            return
        damaged = target.rename(target.parent / f".old-{secrets.token_hex(8)}")
        draft.rename(target)
        shutil.rmtree(damaged, ignore_errors=True)


def _delete_old(root: Path, target: Path) -> None:
    """Delete all but the newest `KEPT` layouts, and what a crash left behind.

    A folder whose name starts with a dot is such a leftover, or is being written by another
    process; it is deleted only when it is an hour old.
    """
    newest = target.stat().st_mtime
    layouts = sorted(_layouts(root), key=lambda path: path.stat().st_mtime, reverse=True)
    stale = [path for path in root.glob(".*") if newest - path.stat().st_mtime > HOUR]
    for path in layouts[KEPT:] + stale:
        shutil.rmtree(path, ignore_errors=True)


def _layouts(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if not path.name.startswith(".")]


def _load_all(root: Path, target: Path) -> dict[str, tuple[StaticFile, StaticFile | None]]:
    """Load every layout on disk; another process may delete an older one meanwhile."""
    files = dict(_load(target))
    for layout in _layouts(root):
        with suppress(FileNotFoundError):
            files |= dict(_load(layout))
    return files


def _load(layout: Path) -> Iterator[tuple[str, tuple[StaticFile, StaticFile | None]]]:
    """Yield the entries of one layout for `Statics.files`."""
    paths = dict(_files(layout))
    for name, path in paths.items():
        if path.suffix == ".gz":
            continue
        type = TYPES.get(path.suffix, "application/octet-stream")
        compressed = paths.get(f"{name}.gz")
        yield (
            f"{layout.name}/{name}",
            (
                StaticFile(path.read_bytes(), type),
                StaticFile(compressed.read_bytes(), type, "gzip") if compressed else None,
            ),
        )
