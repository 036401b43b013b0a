"""A blog put whole into one file while it goes on: complete under its name, or not there."""

import argparse
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from blog import __version__, db
from blog.backup import manifest, postgresql, storage
from blog.backup.archive import AS_IT_IS, DATABASES, HEAD, Head, Packer, Progress, head_bytes
from blog.config import N_, PREFIX, Config, UserError, shell_language
from blog.db import Database
from blog.db.migrate import head
from blog.models.base import now
from blog.models.jobs import row_counts
from blog.models.jobs.row_counts import Inventory
from blog.web.i18n import translate

DRAFT = ".unfinished"


@dataclass(frozen=True)
class BackupResult:
    """A finished backup. `missing`: pictures that the database names and the folder lacks."""

    path: Path
    size: int
    posts: int
    comments: int
    pictures: int
    missing: tuple[str, ...]


def run(config: Config, given: argparse.Namespace) -> int:
    """The `backup` command. Raises `Told`."""
    os.nice(10)  # who reads comes first
    if given.keep is not None and given.file:
        raise UserError(
            N_("--keep applies to backups in the data folder and cannot be combined with FILE.")
        )
    with tqdm(unit="B", unit_scale=True, disable=None) as bar:
        made = write(config, given.file or storage.place(config), bar)
    say = N_("%(file)s: %(posts)s posts and pages, %(comments)s comments, %(pictures)s pictures.")
    print(translate(shell_language(), say, file=made.path, **_numbers(made)))
    if made.missing:
        lack = N_("Pictures in the database but missing from the pictures folder: %(names)s.")
        print(translate(shell_language(), lack, names=", ".join(made.missing)))
    if given.keep is not None:
        storage.prune(config, given.keep)
    return 0


def _numbers(made: BackupResult) -> dict[str, int]:
    return {"posts": made.posts, "comments": made.comments, "pictures": made.pictures}


def before_upgrade(config: Config) -> Path:
    """Called by whoever is about to migrate, alone. A start that fails again makes no second."""
    mark = f"-before-{head()}"
    for path in reversed(storage.every(config, upgrades=True)):
        if path.name.endswith(mark + storage.ENDING) and _is_fresh(path):
            return path
    made = write(config, storage.place(config, mark))
    storage.prune(config, storage.UPGRADES_KEPT, upgrades=True)
    return made.path


def _is_fresh(path: Path) -> bool:
    return now().timestamp() - path.stat().st_mtime < 3600


def write(config: Config, path: Path, bar: "tqdm[Any] | None" = None) -> BackupResult:
    """Back the blog up into `path`, which appears once it is whole. Raises `Told`."""
    path = path.absolute()
    refuse_nothing(config)
    try:
        with storage.alone(config), _workshop(config, path) as folder:
            made = _write(config, path, folder, bar)
            storage.note_made(config, path)
            return made
    except OSError as fault:
        told = UserError(
            N_(
                "The backup %(file)s could not be written: %(why)s. The incomplete file was "
                "deleted."
            ),
            file=path,
            why=fault.strerror or str(fault),
        )
        storage.note_fault(config, str(told))
        raise told from fault
    except UserError as fault:
        storage.note_fault(config, str(fault))
        raise


def refuse_nothing(config: Config) -> None:
    if not config.data_dir.is_dir() or (config.is_sqlite and not config.sqlite_file.is_file()):
        raise UserError(N_("There is no blog in %(folder)s yet."), folder=config.data_dir)


@contextmanager
def _workshop(config: Config, path: Path) -> Iterator[Path]:
    """A folder beside the backup for what is unfinished; what a power cut left in it goes first."""
    if path.parent == storage.folder(config):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in path.parent.glob(f".*{DRAFT}"):
            shutil.rmtree(left, ignore_errors=True)
    folder = path.with_name(f".{path.name}{DRAFT}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(config: Config, path: Path, folder: Path, bar: "tqdm[Any] | None") -> BackupResult:
    database, stock = _snapshot(config, folder)
    pictures = manifest.pictures(config)  # after the snapshot: all it names are there by now
    draft = folder / "draft"
    with draft.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        packer = Packer(file, _progress(bar, [database, *pictures.values()]))
        packer.add_bytes(HEAD, head_bytes(_head(config, stock)))
        packer.add(DATABASES[_kind(config)], database)
        for name, one in manifest.own(config):
            packer.add_bytes(name, one.read_bytes())  # whole: its owner may be editing it
        packed = [name for name, one in pictures.items() if _add(packer, name, one)]
        packer.end()
        file.flush()
        os.fsync(file.fileno())
    size = draft.stat().st_size
    draft.replace(path)
    _sync(path.parent)
    return _made(path, size, stock, {name.partition("/")[2] for name in packed})


def _add(packer: Packer, name: str, path: Path) -> bool:
    """False for a picture that somebody deleted meanwhile."""
    try:
        packer.add(name, path, AS_IT_IS)
    except FileNotFoundError:
        return False
    return True


def _made(path: Path, size: int, stock: Inventory, packed: set[str]) -> BackupResult:
    counts = {"posts": stock.counts.get("post", 0), "comments": stock.counts.get("comment", 0)}
    missing = tuple(sorted(set(stock.pictures) - packed))
    known = len(stock.pictures) - len(missing)
    return BackupResult(path=path, size=size, pictures=known, missing=missing, **counts)


def _snapshot(config: Config, folder: Path) -> tuple[Path, Inventory]:
    """The database at one moment, as a file, and what is in it."""
    target = folder / DATABASES[_kind(config)]
    if not config.is_sqlite:
        stock = take(config)
        postgresql.dump(config, target)
        return target, stock
    db.copy_sqlite(config, target)
    stock = take(replace(config, data_dir=folder))
    db.refuse_damaged(target)
    return target, stock


def take(config: Config) -> Inventory:
    database = Database(config)
    try:
        return database.read_now(row_counts.take)
    finally:
        database.close()


def _kind(config: Config) -> str:
    return "sqlite" if config.is_sqlite else "postgresql"


def _head(config: Config, stock: Inventory) -> Head:
    return Head(
        made_at=now().isoformat(timespec="seconds"),
        version=__version__,
        revision=stock.revision,
        database=_kind(config),
        title=stock.title,
        address=stock.address,
        counts=stock.counts,
        settings=settings(config),
    )


def settings(config: Config) -> dict[str, str]:
    """What the environment sets here, passwords left out: a restore names what differs."""
    said = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if value != field.default and field.name != "data_dir":
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            said[PREFIX + field.name.upper()] = _without_password(text)
    return said


def _without_password(text: str) -> str:
    parts = urlsplit(text) if "://" in text else None
    if parts is None or "@" not in parts.netloc:
        return text
    return f"{parts.scheme}://…@{parts.netloc.rpartition('@')[2]}{parts.path}"


def _progress(bar: "tqdm[Any] | None", files: list[Path]) -> Progress:
    if bar is None:
        return lambda _: None
    bar.total = sum(path.stat().st_size for path in files if path.exists())
    return bar.update


def _sync(folder: Path) -> None:
    """The new name is on the disk, too."""
    line = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(line)
    finally:
        os.close(line)
