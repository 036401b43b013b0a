"""The files of an old blog's folder: which are texts, and what is in them."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blog.config import N_

MARKDOWN = frozenset({".md", ".markdown", ".mkd", ".mkdn", ".mdown", ".mdwn"})
RESTRUCTURED = frozenset({".rst", ".rest"})
FOREIGN = frozenset({".html", ".htm", ".textile", ".org", ".adoc", ".asciidoc", ".ipynb", ".mdx"})
MACHINERY = frozenset(
    {"_includes", "_layouts", "_sass", "_site", "_plugins", "archetypes", "layouts", "public"}
    | {"scaffolds", "themes", "vendor", "bower_components"}
)
SINCE = "_working"  # where an export of ours puts it
LARGEST = 2_000_000  # bytes; the longest novel chapter is far below


class Unreadable(ValueError):
    """A file that is not taken, told in one sentence (marked with `N_`)."""

    def __init__(self, message: str, **params: str) -> None:
        super().__init__(message)
        self.message = message
        self.params = params


@dataclass(frozen=True)
class TextFile:
    """A text of the old blog: `name` is its path within the folder, with slashes."""

    path: Path
    name: str

    @property
    def parents(self) -> list[str]:
        return self.name.split("/")[:-1]

    @property
    def is_restructured(self) -> bool:
        return self.path.suffix.lower() in RESTRUCTURED


def texts(folder: Path) -> Iterator[TextFile]:
    """Every text below `folder`, in the order of its names; hidden folders are passed over."""
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "node_modules")
        for name in sorted(files):
            path = Path(where, name)
            if not name.startswith(".") and _is_text(path):
                yield TextFile(path, path.relative_to(folder).as_posix())


def _is_text(path: Path) -> bool:
    """Markdown, reStructuredText, or a post in a form that we only report."""
    suffix = path.suffix.lower()
    in_posts = bool({"_posts", "_drafts"} & set(path.parts))
    return suffix in MARKDOWN | RESTRUCTURED or (in_posts and suffix in FOREIGN)


def refuse(file: TextFile) -> None:
    """Raise `Unreadable` for what is no post by its place or name."""
    if SINCE in file.parents:
        raise Unreadable(N_("It holds edits made after publication; the public text is imported."))
    if machinery := MACHINERY.intersection(file.parents):
        folder = min(machinery)
        raise Unreadable(N_("It belongs to the old site generator (%(folder)s)."), folder=folder)
    if file.path.suffix.lower() in FOREIGN:
        raise Unreadable(N_("It is not a Markdown or reStructuredText file."))


def within(path: Path, folder: Path) -> bool:
    """True for a file that is really inside the folder, whatever links say."""
    try:
        return path.resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def read(file: TextFile, folder: Path) -> tuple[str, str]:
    """The text, line ends as they are, and the SHA-256 of the bytes. Raises `Unreadable`."""
    if not within(file.path, folder):
        raise Unreadable(N_("It is a link that points outside the folder."))
    try:
        with file.path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError:
        raise Unreadable(N_("It could not be read.")) from None
    if len(raw) > LARGEST:
        raise Unreadable(N_("It is larger than two megabytes."))
    return decode(raw), hashlib.sha256(raw).hexdigest()


def decode(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(N_("It is not UTF-8 text.")) from None
    if "\0" in text:
        raise Unreadable(N_("It contains NUL bytes, so it is not text."))
    return text
