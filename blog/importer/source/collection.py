"""A folder read whole: its posts, and what in it is no post."""

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
    """What was found below `folder`. `refused` has one remark for each file that is no post."""

    folder: Path
    posts: list[SourcePost] = field(default_factory=list)
    refused: list[Remark] = field(default_factory=list)

    @property
    def found(self) -> int:
        return len(self.posts) + len(self.refused)


def read(folder: Path, *, zone: tzinfo, pattern: str, now: datetime) -> Collection:
    """Every post below `folder`. `pattern` makes the address of a post that has none itself.

    Raises `Refusal` if there is no such folder.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise Refusal(N_("%(folder)s is not a folder."), folder=str(folder))
    files = list(scanner.texts(folder))
    habits = GeneratorDefaults(zone, pattern, post_reader.roots_of(files))
    collection = Collection(folder)
    for file in files:
        try:
            collection.posts.append(_read(file, folder, habits, now))
        except scanner.Unreadable as reason:
            remark = Remark(file.name, reason.message, reason.params, "file")
            collection.refused.append(remark)
    return collection


def _read(
    file: scanner.TextFile, folder: Path, habits: GeneratorDefaults, now: datetime
) -> SourcePost:
    scanner.refuse(file)
    text, sha256 = scanner.read(file, folder)
    post = post_reader.read_post(file, text, sha256, habits)
    changed = datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
    post.touched = min(changed, now).replace(microsecond=0)
    if post.date is None and not post.draft:
        day = f"{post.touched.astimezone(habits.zone):%Y-%m-%d}"
        post.remark(
            "date", N_("No date is given, so the date of the file is used: %(day)s."), day=day
        )
    return post


def remarks(collection: Collection) -> Iterator[Remark]:
    yield from collection.refused
    for post in collection.posts:
        yield from post.remarks
