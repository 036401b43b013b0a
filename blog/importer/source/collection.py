"""Reads the folder of an old blog: all its posts, and the files that are not posts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from blog.config import N_
from blog.importer.source import post_reader, scanner
from blog.importer.source.post_reader import GeneratorDefaults
from blog.importer.source.source_post import Remark, SourcePost
from blog.models.base import Refusal


@dataclass
class Collection:
    """The text files below `folder`. `rejected` has one remark per file that is not a post."""

    folder: Path
    posts: list[SourcePost] = field(default_factory=list)
    rejected: list[Remark] = field(default_factory=list)

    @property
    def file_count(self) -> int:
        """The number of text files, including the rejected ones."""
        return len(self.posts) + len(self.rejected)


def read(folder: Path, *, zone: tzinfo, pattern: str, now: datetime) -> Collection:
    """Read every post below `folder`.

    `zone` is the time zone of dates without one, `pattern` the address pattern of posts without an
    address of their own, and `now` the latest date of a post that has no date but that of its file.
    Raises `Refusal` if `folder` is not a folder.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise Refusal(N_("%(folder)s is not a folder."), folder=str(folder))
    files = list(scanner.texts(folder))
    defaults = GeneratorDefaults(zone, pattern, post_reader.roots_of(files))
    collection = Collection(folder)
    for file in files:
        try:
            collection.posts.append(_read(file, folder, defaults, now))
        except scanner.Unreadable as reason:
            remark = Remark(file.name, reason.message, reason.params, "file")
            collection.rejected.append(remark)
    return collection


def _read(
    file: scanner.TextFile, folder: Path, defaults: GeneratorDefaults, now: datetime
) -> SourcePost:
    scanner.check(file)
    text, sha256 = scanner.read(file, folder)
    post = post_reader.read_post(file, text, sha256, defaults)
    modified_at = datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
    post.modified_at = min(modified_at, now).replace(microsecond=0)
    if post.date is None and not post.draft:
        day = f"{post.modified_at.astimezone(defaults.zone):%Y-%m-%d}"
        post.remark(
            "date", N_("No date is given, so the date of the file is used: %(day)s."), day=day
        )
    return post


def remarks(collection: Collection) -> Iterator[Remark]:
    """Yield the remarks about rejected files, then those about posts."""
    yield from collection.rejected
    for post in collection.posts:
        yield from post.remarks
