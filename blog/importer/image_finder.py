"""Where a picture that an old post names lies on disk."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from blog.importer.source.scanner import within

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".bmp", ".ico"})
PICTURES |= {".tif", ".tiff", ".jfif", ".apng"}
# Where generators keep what they serve from the root.
ROOTS = ("", "static", "source", "assets", "public", "content", "themes")


def is_picture(target: str) -> bool:
    return PurePosixPath(target).suffix.lower() in PICTURES


def find(target: str, file: str, folder: Path) -> Path | None:
    """The file that `target` (decoded, without host, query or anchor) means in the text `file`."""
    for candidate in _candidates(target, file):
        path = folder / candidate
        if within(path, folder) and path.is_file():
            return path
    return None


def _candidates(target: str, file: str) -> Iterator[str]:
    """Beside the text, in its asset folder, then below every folder that may be the site's root."""
    here = PurePosixPath(file).parent
    plain = target.lstrip("/")
    if not target.startswith("/"):
        yield str(here / target)
        yield str(here / PurePosixPath(file).stem / target)
    for root in (here, *here.parents):
        for below in ROOTS:
            yield str(root / below / plain)
