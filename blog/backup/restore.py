"""The `restore` command: checks a backup completely, then unpacks it into an empty data folder."""

import argparse
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

from tqdm import tqdm

from blog import db, media
from blog.backup import backup, manifest, postgresql
from blog.backup.archive import (
    CHUNK_SIZE,
    DATABASES,
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

STAGING_FOLDER = ".restoring"


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Run the `restore` command. Raises `UserError`."""
    with tqdm(unit="B", unit_scale=True, disable=None) as bar:
        head = restore_backup(config, arguments.file, bar)
    counts = {"posts": head.counts.get("post", 0), "comments": head.counts.get("comment", 0)}
    language = shell_language()
    message = N_(
        "%(folder)s now holds the blog as of %(day)s: %(posts)s posts and pages, "
        "%(comments)s comments."
    )
    print(
        translate(
            language, message, folder=config.data_dir, day=printable(head.made_at[:16]), **counts
        )
    )
    current = backup.settings(config)
    for name, value in head.settings.items():
        if current.get(name) != value:
            print(
                translate(
                    language,
                    N_("When the backup was made, %(name)s was %(value)s."),
                    name=printable(name),
                    value=printable(value),
                )
            )
    return 0


def restore_backup(config: Config, path: Path, bar: "tqdm[NoReturn] | None" = None) -> Head:
    """Restore the backup `path` into the data folder.

    Raises `UserError` if that fails; then nothing has changed.
    """
    try:
        head, size = check(path, bar)
        _check_target(config, head, size)
        with _staging_folder(config) as staging:
            _unpack(path, staging, bar)
            database = staging / DATABASES[head.database]
            if head.database == "sqlite":
                _check_database(path, database)
            else:
                postgresql.load(config, database)
                database.unlink()
            _move_into_place(config, staging)
            return head
    except OSError as fault:
        message = N_("%(file)s could not be restored: %(why)s.")
        raise UserError(message, file=path, why=fault.strerror or str(fault)) from fault


def _check_database(path: Path, database: Path) -> None:
    try:
        db.refuse_damaged(database)
    except db.UnusableDatabase as fault:
        raise damaged(path, fault.params["why"]) from fault


def check(path: Path, bar: "tqdm[NoReturn] | None" = None) -> tuple[Head, int]:
    """Read and verify the whole backup, without writing anything.

    Returns its metadata and the unpacked size in bytes. Raises `Damaged`.
    """
    with Unpacker.open(path) as backup_file:
        size = 0
        for entry in backup_file.entries():
            _check_name(path, entry.name, backup_file.head)
            size += entry.size
            _update(bar, path, backup_file.position, turn=0)
        return backup_file.head, size


def _update(bar: "tqdm[NoReturn] | None", path: Path, position: int, *, turn: int) -> None:
    """Update the progress bar.

    The file is read twice: in turn 0 to check it, in turn 1 to unpack it.
    """
    if bar is not None:
        size = path.stat().st_size
        bar.total = 2 * size
        bar.update(turn * size + position - bar.n)


def _check_name(path: Path, name: str, head: Head) -> None:
    """Raise `Damaged` for a name that a backup never contains.

    Such a file could replace a file that the blog creates itself.
    """
    top, _, rest = name.partition("/")
    is_picture = top == manifest.MEDIA and media.STORED.fullmatch(rest)
    is_expected = name in (DATABASES[head.database], manifest.SECRET) or is_picture
    if not is_expected and manifest.is_excluded(top, is_top=True):
        raise Damaged(N_("%(file)s contains an unexpected file: %(name)s."), file=path, name=name)


def _check_target(config: Config, head: Head, size: int) -> None:
    """Raise `UserError` if the backup cannot be restored here."""
    refuse_newer(head.revision)
    if not manifest.is_empty(config.data_dir):
        message = N_(
            "%(folder)s is not empty. Move its contents away, or choose a new folder with "
            "BLOG_DATA_DIR: restoring never overwrites a blog."
        )
        raise UserError(message, folder=config.data_dir)
    if (head.database == "sqlite") != config.is_sqlite:
        raise UserError(OTHER_DATABASE[head.database])
    if not config.is_sqlite and backup.take_inventory(config).revision:
        message = N_("The database %(place)s is not empty: restoring never overwrites a blog.")
        raise UserError(message, place=config.database_place)
    free = shutil.disk_usage(_existing_parent(config.data_dir)).free
    if size > free:
        message = N_("Restoring needs %(size)s MB of disk space, but only %(free)s MB are free.")
        raise UserError(message, size=size // 1_000_000 + 1, free=free // 1_000_000)


OTHER_DATABASE = {
    "sqlite": N_("This backup was made on SQLite, but BLOG_DATABASE_URL is set. Unset it."),
    "postgresql": N_(
        "This backup was made on PostgreSQL. Set BLOG_DATABASE_URL to an empty database."
    ),
}


def _existing_parent(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


@contextmanager
def _staging_folder(config: Config) -> Iterator[Path]:
    """Create a temporary folder in the data folder, so that files only need to be renamed.

    Removes it at the end, and the data folder too if nothing was restored into a new one.
    """
    existed = config.data_dir.exists()
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    staging = config.data_dir / STAGING_FOLDER
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed and not any(config.data_dir.iterdir()):
            config.data_dir.rmdir()


def _unpack(path: Path, staging: Path, bar: "tqdm[NoReturn] | None") -> None:
    """Unpack the backup, and verify it again, because the file may have changed."""
    with Unpacker.open(path) as backup_file:
        for entry in backup_file.entries():
            _check_name(path, entry.name, backup_file.head)
            target = staging / entry.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                if entry.name in (manifest.SECRET, *DATABASES.values()):
                    os.fchmod(file.fileno(), 0o600)
                _copy(entry, file)
            _update(bar, path, backup_file.position, turn=1)


def _copy(entry: ArchiveEntry, file: IO[bytes]) -> None:
    while chunk := entry.stream.read(CHUNK_SIZE):
        file.write(chunk)
    file.flush()
    os.fsync(file.fileno())


def _move_into_place(config: Config, staging: Path) -> None:
    """Move the files to the data folder, the database last: until then, no start finds a blog."""
    for path in sorted(staging.iterdir(), key=lambda path: path.name == config.sqlite_file.name):
        path.replace(config.data_dir / path.name)
    descriptor = os.open(config.data_dir, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
