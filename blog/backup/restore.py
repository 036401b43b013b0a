"""A backup becomes a blog again, in an empty folder: checked to its last byte first, then whole."""

import argparse
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from blog import db, media
from blog.backup import backup, manifest, postgresql
from blog.backup.archive import (
    DATABASES,
    PIECE,
    ArchiveEntry,
    Damaged,
    Head,
    Unpacker,
    damaged,
    printable,
)
from blog.config import N_, Config, UserError, shell_language
from blog.db.migrate import refuse_newer
from blog.web.i18n import translate

STAGE = ".restoring"


def run(config: Config, given: argparse.Namespace) -> int:
    """The `restore` command. Raises `Told`."""
    with tqdm(unit="B", unit_scale=True, disable=None) as bar:
        head = read_back(config, given.file, bar)
    counts = {"posts": head.counts.get("post", 0), "comments": head.counts.get("comment", 0)}
    language = shell_language()
    say = N_(
        "%(folder)s now holds the blog as of %(day)s: %(posts)s posts and pages, "
        "%(comments)s comments."
    )
    print(
        translate(language, say, folder=config.data_dir, day=printable(head.made_at[:16]), **counts)
    )
    here = backup.settings(config)
    for name, value in head.settings.items():
        if here.get(name) != value:
            print(
                translate(
                    language,
                    N_("When the backup was made, %(name)s was %(value)s."),
                    name=printable(name),
                    value=printable(value),
                )
            )
    return 0


def read_back(config: Config, path: Path, bar: "tqdm[Any] | None" = None) -> Head:
    """Put the blog in `path` into the data folder. Raises `Told`; then nothing has changed."""
    try:
        head, size = check(path, bar)
        _refuse(config, head, size)
        with _stage(config) as stage:
            _unpack(path, stage, bar)
            database = stage / DATABASES[head.database]
            if head.database == "sqlite":
                _refuse_damaged(path, database)
            else:
                postgresql.load(config, database)
                database.unlink()
            _move_in(config, stage)
            return head
    except OSError as fault:
        message = N_("%(file)s could not be restored: %(why)s.")
        raise UserError(message, file=path, why=fault.strerror or str(fault)) from fault


def _refuse_damaged(path: Path, database: Path) -> None:
    try:
        db.refuse_damaged(database)
    except db.UnusableDatabase as fault:
        raise damaged(path, fault.params["why"]) from fault


def check(path: Path, bar: "tqdm[Any] | None" = None) -> tuple[Head, int]:
    """Read the whole file, and write nothing: what it says it is, and its size unpacked."""
    with Unpacker.open(path) as backup_file:
        size = 0
        for entry in backup_file.entries():
            _refuse_stranger(path, entry.name, backup_file.head)
            size += entry.size
            _show(bar, path, backup_file.place, turn=0)
        return backup_file.head, size


def _show(bar: "tqdm[Any] | None", path: Path, place: int, *, turn: int) -> None:
    """The file is read twice: once to check it, once to unpack it."""
    if bar is not None:
        whole = path.stat().st_size
        bar.total = 2 * whole
        bar.update(turn * whole + place - bar.n)


def _refuse_stranger(path: Path, name: str, head: Head) -> None:
    """A picture bears the name that we gave it; nothing else has a name that means something."""
    top, _, rest = name.partition("/")
    is_picture = top == manifest.MEDIA and media.STORED.fullmatch(rest)
    is_ours = name in (DATABASES[head.database], manifest.SECRET) or is_picture
    if not is_ours and manifest.is_machinery(top, is_top=True):
        raise Damaged(N_("%(file)s contains an unexpected file: %(name)s."), file=path, name=name)


def _refuse(config: Config, head: Head, size: int) -> None:
    refuse_newer(head.revision)
    if not manifest.is_empty(config.data_dir):
        message = N_(
            "%(folder)s is not empty. Move its contents away, or choose a new folder with "
            "BLOG_DATA_DIR: restoring never overwrites a blog."
        )
        raise UserError(message, folder=config.data_dir)
    if (head.database == "sqlite") != config.is_sqlite:
        raise UserError(OTHER[head.database])
    if not config.is_sqlite and backup.take(config).revision:
        message = N_("The database %(place)s is not empty: restoring never overwrites a blog.")
        raise UserError(message, place=config.database_place)
    free = shutil.disk_usage(_existing(config.data_dir)).free
    if size > free:
        message = N_("Restoring needs %(size)s MB of disk space, but only %(free)s MB are free.")
        raise UserError(message, size=size // 1_000_000 + 1, free=free // 1_000_000)


OTHER = {
    "sqlite": N_("This backup was made on SQLite, but BLOG_DATABASE_URL is set. Unset it."),
    "postgresql": N_(
        "This backup was made on PostgreSQL. Set BLOG_DATABASE_URL to an empty database."
    ),
}


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.absolute().parents) if each.exists())


@contextmanager
def _stage(config: Config) -> Iterator[Path]:
    """A folder within the data folder, so that what is in it moves by its name alone."""
    was_there = config.data_dir.exists()
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    stage = config.data_dir / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(mode=0o700)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if not was_there and not any(config.data_dir.iterdir()):
            config.data_dir.rmdir()


def _unpack(path: Path, stage: Path, bar: "tqdm[Any] | None") -> None:
    """Checked once more while it is written: the file may have changed since."""
    with Unpacker.open(path) as backup_file:
        for entry in backup_file.entries():
            _refuse_stranger(path, entry.name, backup_file.head)
            target = stage / entry.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                if entry.name in (manifest.SECRET, *DATABASES.values()):
                    os.fchmod(file.fileno(), 0o600)
                _copy(entry, file)
            _show(bar, path, backup_file.place, turn=1)


def _copy(entry: ArchiveEntry, file: IO[bytes]) -> None:
    while piece := entry.stream.read(PIECE):
        file.write(piece)
    file.flush()
    os.fsync(file.fileno())


def _move_in(config: Config, stage: Path) -> None:
    """The database last: before it stands there, no start takes the folder for a blog."""
    for path in sorted(stage.iterdir(), key=lambda path: path.name == config.sqlite_file.name):
        path.replace(config.data_dir / path.name)
    line = os.open(config.data_dir, os.O_RDONLY)
    try:
        os.fsync(line)
    finally:
        os.close(line)
