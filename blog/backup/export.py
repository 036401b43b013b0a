"""The `export` command: writes the blog as Markdown, pictures and JSON lists.

`blog import` reads these files, and other programs can.
"""

import argparse
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from blog import media
from blog.backup import front_matter
from blog.config import N_, Config, UserError, shell_language
from blog.db import Database
from blog.markup import narrow
from blog.models.transfer import export
from blog.models.transfer.export import ExportedPost
from blog.web.i18n import translate

FOLDERS = {"post": "posts", "page": "pages"}
WORKING_COPIES = "_working"
UNSAFE_CHARACTERS = re.compile(r"[^\w.-]+")
LISTS: dict[str, Callable[[Any], Sized]] = {
    "people.json": export.people,
    "comments.json": lambda session: list(export.comments(session)),
    "addresses.json": export.addresses,
    "site.json": export.site_settings,
}


@dataclass
class ExportReport:
    """Counts of what was exported.

    `missing` are pictures in the database, but not in the pictures folder, and `kept` counts the
    unused front matter fields of imported posts.
    """

    folder: Path
    states: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    working_copies: int = 0
    trashed: int = 0
    pictures: int = 0
    missing: list[str] = field(default_factory=list)
    lists: dict[str, int] = field(default_factory=dict)
    kept: Counter[str] = field(default_factory=Counter)

    def messages(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield messages marked with `N_`, and their parameters."""
        names = ", ".join(f"{name} ({number})" for name, number in self.kept.most_common())
        yield EXPORTED, {"folder": self.folder, "posts": self.kinds["post"], **self._counts()}
        states = ("live", "scheduled", "draft", "withdrawn")
        yield STATES, {name: self.states[name] for name in states}
        if self.working_copies:
            yield (
                N_(
                    "Posts with unpublished edits: %(number)s. Their working copies are in "
                    "_working."
                ),
                {"number": self.working_copies},
            )
        if self.missing:
            message = N_(
                "Pictures in the database but missing from the pictures folder: %(names)s."
            )
            yield message, {"names": ", ".join(self.missing)}
        if self.trashed:
            yield N_("Posts in the trash, not exported: %(number)s."), {"number": self.trashed}
        if names:
            yield N_("Front matter that is kept but not shown: %(fields)s."), {"fields": names}

    def _counts(self) -> dict[str, int]:
        lists = {name.partition(".")[0]: number for name, number in self.lists.items()}
        return {"pages": self.kinds["page"], "pictures": self.pictures, **lists}


EXPORTED = N_(
    "%(folder)s: %(posts)s posts, %(pages)s pages, %(pictures)s pictures, %(comments)s comments,"
    " %(addresses)s addresses, %(people)s people."
)
STATES = N_("Live %(live)s, scheduled %(scheduled)s, drafts %(draft)s, unpublished %(withdrawn)s.")


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Run the `export` command. The database schema must be up to date. Raises `UserError`."""
    os.nice(5)  # requests of readers take precedence
    with tqdm(unit=" files", disable=None) as bar:
        report = write(config, arguments.folder, lambda: bar.update(1))
    for message, params in report.messages():
        print(translate(shell_language(), message, **params))
    return 0


def write(config: Config, folder: Path, done: Callable[[], object] = lambda: None) -> ExportReport:
    """Export everything into `folder`, which appears once it is complete.

    Calls `done` after each file. Raises `UserError`.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            N_("%(folder)s already exists and is not empty. Choose a new folder."), folder=folder
        )
    database = Database(config)
    try:
        with _unfinished(folder) as draft:
            report = ExportReport(folder)
            database.read_now(_write, config, draft, report, done)  # one snapshot
            os.sync()
            draft.replace(folder)
            return report
    except OSError as fault:
        message = N_("%(folder)s could not be written: %(why)s. The incomplete export was deleted.")
        raise UserError(message, folder=folder, why=fault.strerror or fault) from fault
    finally:
        database.close()


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    draft = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)  # private: it contains drafts and email addresses
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(
    session: Any,
    config: Config,
    draft: Path,
    report: ExportReport,
    done: Callable[[], object],
) -> None:
    file_names = _FileNames()
    for post in export.posts(session):
        _write_post(draft, file_names.allocate(post), post, report)
        done()
    for name in export.pictures(session):
        _copy_picture(config, draft, name, report)
        done()
    for name, read in LISTS.items():
        rows = read(session)
        report.lists[name] = len(rows)
        (draft / name).touch(mode=0o600)
        (draft / name).write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", "utf-8")
    report.trashed = export.trashed(session)


class _FileNames:
    """Allocates a file name for each post, made from its address."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def allocate(self, post: ExportedPost) -> str:
        last = post.path.rstrip("/").rpartition("/")[2] or post.text["slug"] or post.text["title"]
        stem = UNSAFE_CHARACTERS.sub("-", str(last)).strip("-._")[:80] or "untitled"
        if stem.casefold() == "index":  # `blog import` names such a post after its folder
            stem = "index-page"
        name, number = f"{FOLDERS[post.kind]}/{stem}", 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{FOLDERS[post.kind]}/{stem}-{number}"
        self._taken.add(name.casefold())
        return f"{name}.md"


def _write_post(draft: Path, name: str, post: ExportedPost, report: ExportReport) -> None:
    _write_file(draft / name, front_matter.file_of(post))
    report.states[post.state] += 1
    report.kinds[post.kind] += 1
    report.kept.update(post.extra.keys())
    if post.working_copy is not None:
        _write_file(draft / WORKING_COPIES / name, front_matter.file_of(post, post.working_copy))
        report.working_copies += 1


def _write_file(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def _copy_picture(config: Config, draft: Path, name: str, report: ExportReport) -> None:
    """Copy a picture, and its narrow version if it has one."""
    for version in (name, narrow(name)):
        source, target = media.path_of(config, version), draft / "media" / version
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        elif version == name:
            report.missing.append(name)
            return
    report.pictures += 1
