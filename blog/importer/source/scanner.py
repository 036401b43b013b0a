"""Finds and reads the text files in the folder of an old blog."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blog.config import N_

MARKDOWN = frozenset({".md", ".markdown", ".mkd", ".mkdn", ".mdown", ".mdwn"})
RESTRUCTURED = frozenset({".rst", ".rest"})
UNSUPPORTED = frozenset(
    {".html", ".htm", ".textile", ".org", ".adoc", ".asciidoc", ".ipynb", ".mdx"}
)
GENERATOR_FOLDERS = frozenset(
    {"_includes", "_layouts", "_sass", "_site", "_plugins", "archetypes", "layouts", "public"}
    | {"scaffolds", "themes", "vendor", "bower_components"}
)
WORKING_COPIES = "_working"  # the folder of working copies in an export
MAX_SIZE = 2_000_000  # bytes; even long chapters of novels are far smaller


class Unreadable(ValueError):
    """A file that is not imported. `message` is marked with `N_`."""

    def __init__(self, message: str, **params: str) -> None:
        super().__init__(message)
        self.message = message
        self.params = params


@dataclass(frozen=True)
class TextFile:
    """A text file of the old blog. `name` is its path relative to the folder, with slashes."""

    path: Path
    name: str

    @property
    def parents(self) -> list[str]:
        """The names of the folders between the scanned folder and the file."""
        return self.name.split("/")[:-1]

    @property
    def is_restructured(self) -> bool:
        """Whether the file is reStructuredText."""
        return self.path.suffix.lower() in RESTRUCTURED


def texts(folder: Path) -> Iterator[TextFile]:
    """Yield every text file below `folder`, sorted by name, without hidden files and folders."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != "node_modules"
        )
        for name in sorted(files):
            path = Path(parent, name)
            if not name.startswith(".") and _is_text(path):
                yield TextFile(path, path.relative_to(folder).as_posix())


def _is_text(path: Path) -> bool:
    """Whether the file is Markdown, reStructuredText, or a post in an unsupported format."""
    suffix = path.suffix.lower()
    in_posts = bool({"_posts", "_drafts"} & set(path.parts))
    return suffix in MARKDOWN | RESTRUCTURED or (in_posts and suffix in UNSUPPORTED)


def check(file: TextFile) -> None:
    """Raise `Unreadable` if the folder or the name shows that the file is not a post."""
    if WORKING_COPIES in file.parents:
        raise Unreadable(N_("It holds edits made after publication; the public text is imported."))
    if folders := GENERATOR_FOLDERS.intersection(file.parents):
        folder = min(folders)
        raise Unreadable(N_("It belongs to the old site generator (%(folder)s)."), folder=folder)
    if file.path.suffix.lower() in UNSUPPORTED:
        raise Unreadable(N_("It is not a Markdown or reStructuredText file."))


def within(path: Path, folder: Path) -> bool:
    """Whether the file exists and is inside the folder after following symbolic links."""
    try:
        return path.resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def read(file: TextFile, folder: Path) -> tuple[str, str]:
    """Return the text with unchanged line ends, and the hexadecimal SHA-256 of the bytes.

    Raises `Unreadable`.
    """
    if not within(file.path, folder):
        raise Unreadable(N_("It is a link that points outside the folder."))
    try:
        with file.path.open("rb") as stream:
            raw = stream.read(MAX_SIZE + 1)
    except OSError:
        raise Unreadable(N_("It could not be read.")) from None
    if len(raw) > MAX_SIZE:
        raise Unreadable(N_("It is larger than two megabytes."))
    return decode(raw), hashlib.sha256(raw).hexdigest()


def decode(raw: bytes) -> str:
    """Decode UTF-8 with an optional byte order mark. Raises `Unreadable`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(N_("It is not UTF-8 text.")) from None
    if "\0" in text:
        raise Unreadable(N_("It contains NUL bytes, so it is not text."))
    return text
