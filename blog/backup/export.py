"""The blog as plain files, which any program can read and `blog import` takes back."""

import argparse
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
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
from blog.models.transfer.export import ExportBatch
from blog.web.i18n import translate

FOLDERS = {"post": "posts", "page": "pages"}
SINCE = "_working"
UNFIT = re.compile(r"[^\w.-]+")
LISTS: dict[str, Callable[[Any], Any]] = {
    "people.json": export.people,
    "comments.json": lambda session: list(export.comments(session)),
    "addresses.json": export.addresses,
    "site.json": export.about,
}


@dataclass
class ExportReport:
    """What was written: the receipt of an import, backwards."""

    folder: Path
    states: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    since: int = 0
    trashed: int = 0
    pictures: int = 0
    missing: list[str] = field(default_factory=list)
    lists: dict[str, int] = field(default_factory=dict)
    kept: Counter[str] = field(default_factory=Counter)

    def sentences(self) -> Iterator[tuple[str, dict[str, Any]]]:
        names = ", ".join(f"{name} ({number})" for name, number in self.kept.most_common())
        yield WRITTEN, {"folder": self.folder, "posts": self.kinds["post"], **self._counts()}
        yield (
            STATES,
            {name: self.states[name] for name in ("live", "scheduled", "draft")}
            | {"withdrawn": self.states["withdrawn"]},
        )
        if self.since:
            yield (
                N_(
                    "Posts with unpublished edits: %(number)s. Their working copies are in "
                    "_working."
                ),
                {"number": self.since},
            )
        if self.missing:
            lack = N_("Pictures in the database but missing from the pictures folder: %(names)s.")
            yield lack, {"names": ", ".join(self.missing)}
        if self.trashed:
            yield N_("Posts in the trash, not exported: %(number)s."), {"number": self.trashed}
        if names:
            yield N_("Front matter that is kept but not shown: %(fields)s."), {"fields": names}

    def _counts(self) -> dict[str, int]:
        lists = {name.partition(".")[0]: number for name, number in self.lists.items()}
        return {"pages": self.kinds["page"], "pictures": self.pictures, **lists}


WRITTEN = N_(
    "%(folder)s: %(posts)s posts, %(pages)s pages, %(pictures)s pictures, %(comments)s comments,"
    " %(addresses)s addresses, %(people)s people."
)
STATES = N_("Live %(live)s, scheduled %(scheduled)s, drafts %(draft)s, unpublished %(withdrawn)s.")


def run(config: Config, given: argparse.Namespace) -> int:
    """The `export` command. The database is migrated. Raises `Told`."""
    os.nice(5)  # who reads comes first
    with tqdm(unit=" files", disable=None) as bar:
        receipt = write(config, given.folder, lambda: bar.update(1))
    for sentence, params in receipt.sentences():
        print(translate(shell_language(), sentence, **params))
    return 0


def write(config: Config, folder: Path, done: Callable[[], object] = lambda: None) -> ExportReport:
    """Write everything into `folder`, which is there once it is whole. Raises `Told`."""
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            N_("%(folder)s already exists and is not empty. Choose a new folder."), folder=folder
        )
    database = Database(config)
    try:
        with _draft(folder) as draft:
            receipt = ExportReport(folder)
            database.read_now(_write, config, draft, receipt, done)  # at one moment, all of it
            os.sync()
            draft.replace(folder)
            return receipt
    except OSError as fault:
        message = N_("%(folder)s could not be written: %(why)s. The incomplete export was deleted.")
        raise UserError(message, folder=folder, why=fault.strerror or fault) from fault
    finally:
        database.close()


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    draft = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)  # drafts, and readers' mail addresses
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(
    session: Any,
    config: Config,
    draft: Path,
    receipt: ExportReport,
    done: Callable[[], object],
) -> None:
    names = _Names()
    for post in export.posts(session):
        _post(draft, names.of(post), post, receipt)
        done()
    for name in export.pictures(session):
        _picture(config, draft, name, receipt)
        done()
    for name, read in LISTS.items():
        found = read(session)
        receipt.lists[name] = len(found)
        (draft / name).touch(mode=0o600)
        (draft / name).write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
    receipt.trashed = export.trashed(session)


class _Names:
    """A file for each post, named after its address."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, post: ExportBatch) -> str:
        last = post.path.rstrip("/").rpartition("/")[2] or post.words.slug or post.words.title
        stem = UNFIT.sub("-", last).strip("-._")[:80] or "untitled"
        if stem.casefold() == "index":  # to `blog import` it would be its folder's name
            stem = "index-page"
        name, number = f"{FOLDERS[post.kind]}/{stem}", 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{FOLDERS[post.kind]}/{stem}-{number}"
        self._taken.add(name.casefold())
        return f"{name}.md"


def _post(draft: Path, name: str, post: ExportBatch, receipt: ExportReport) -> None:
    _file(draft / name, front_matter.file_of(post))
    receipt.states[post.state] += 1
    receipt.kinds[post.kind] += 1
    receipt.kept.update(post.extra.keys())
    if post.since is not None:
        _file(draft / SINCE / name, front_matter.file_of(post, post.since))
        receipt.since += 1


def _file(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def _picture(config: Config, draft: Path, name: str, receipt: ExportReport) -> None:
    """With its smaller one, where it has one."""
    for each in (name, narrow(name)):
        source, target = media.path_of(config, each), draft / "media" / each
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        elif each == name:
            receipt.missing.append(name)
            return
    receipt.pictures += 1
