"""Finds the file of a picture that the text of an old post refers to."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from blog.importer.source.scanner import within

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".bmp", ".ico"})
PICTURES |= {".tif", ".tiff", ".jfif", ".apng"}
# Folders whose contents site generators serve from the root of the site.
ROOTS = ("", "static", "source", "assets", "public", "content", "themes")


def is_picture(target: str) -> bool:
    """Whether the target has the file extension of a picture."""
    return PurePosixPath(target).suffix.lower() in PICTURES


def find(target: str, file: str, folder: Path) -> Path | None:
    """Return the file that `target` in the text `file` refers to, or None.

    `target` is decoded, without host, query or anchor. `file` is relative to `folder`.
    """
    for candidate in _candidates(target, file):
        path = folder / candidate
        if within(path, folder) and path.is_file():
            return path
    return None


def _candidates(target: str, file: str) -> Iterator[str]:
    """Yield paths beside the text, in its asset folder, and below each possible site root."""
    parent = PurePosixPath(file).parent
    relative = target.lstrip("/")
    if not target.startswith("/"):
        yield str(parent / target)
        yield str(parent / PurePosixPath(file).stem / target)
    for root in (parent, *parent.parents):
        for subfolder in ROOTS:
            yield str(root / subfolder / relative)
