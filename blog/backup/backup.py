"""The `backup` command: writes the whole blog into one file while it is running.

The file appears under its name only once it is complete.
"""

import argparse
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from blog import __version__, db
from blog.backup import manifest, postgresql, storage
from blog.backup.archive import DATABASES, HEAD, Head, Packer, head_bytes
from blog.backup.streams import UNCOMPRESSED, Progress
from blog.config import N_, Config, UserError, shell_language, variable_of
from blog.db import Database
from blog.db.migrate import head
from blog.models.base import now
from blog.models.jobs import row_counts
from blog.models.jobs.row_counts import RowCounts
from blog.web.i18n import translate

UNFINISHED = ".unfinished"
PLACES = ("data_dir", "env_file")  # settings that describe a machine, not the blog


@dataclass(frozen=True)
class BackupResult:
    """A finished backup.

    `size` is in bytes; `missing` are pictures in the database, but not in the pictures folder.
    """

    path: Path
    size: int
    posts: int
    comments: int
    pictures: int
    missing: tuple[str, ...]


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Run the `backup` command. Raises `UserError`."""
    os.nice(10)  # requests of readers take precedence
    if arguments.keep is not None and arguments.file:
        raise UserError(
            N_("--keep applies to backups in the data folder and cannot be combined with FILE.")
        )
    with tqdm(unit="B", unit_scale=True, disable=None) as bar:
        backup = write(config, arguments.file or storage.new_path(config), bar)
    message = N_(
        "%(file)s: %(posts)s posts and pages, %(comments)s comments, %(pictures)s pictures."
    )
    print(translate(shell_language(), message, file=backup.path, **_counts(backup)))
    if backup.missing:
        message = N_("Pictures in the database but missing from the pictures folder: %(names)s.")
        print(translate(shell_language(), message, names=", ".join(backup.missing)))
    if arguments.keep is not None:
        storage.prune(config, arguments.keep)
    return 0


def _counts(backup: BackupResult) -> dict[str, int]:
    return {"posts": backup.posts, "comments": backup.comments, "pictures": backup.pictures}


def before_upgrade(config: Config) -> Path:
    """Back up before a migration, and return the path of the backup.

    Only one process at a time may call it. A backup of the last hour is reused, so that a start
    that fails repeatedly does not make one backup after another. Raises `UserError`.
    """
    suffix = f"-before-{head()}"
    for path in reversed(storage.list_backups(config, upgrades=True)):
        if path.name.endswith(suffix + storage.EXTENSION) and _is_fresh(path):
            return path
    backup = write(config, storage.new_path(config, suffix))
    storage.prune(config, storage.UPGRADES_KEPT, upgrades=True)
    return backup.path


def _is_fresh(path: Path) -> bool:
    return now().timestamp() - path.stat().st_mtime < 3600


def write(config: Config, path: Path, bar: "tqdm[NoReturn] | None" = None) -> BackupResult:
    """Back up the blog into `path`, which appears once it is complete. Raises `UserError`."""
    path = path.absolute()
    require_blog(config)
    try:
        with storage.lock(config), _temporary_folder(config, path) as folder:
            backup = _write(config, path, folder, bar)
            storage.record_success(config, path)
            return backup
    except OSError as fault:
        error = UserError(
            N_(
                "The backup %(file)s could not be written: %(why)s. The incomplete file was "
                "deleted."
            ),
            file=path,
            why=fault.strerror or str(fault),
        )
        storage.record_failure(config, str(error))
        raise error from fault
    except UserError as fault:
        storage.record_failure(config, str(fault))
        raise


def require_blog(config: Config) -> None:
    """Raise `UserError` if the data folder contains no blog."""
    if not config.data_dir.is_dir() or (config.is_sqlite and not config.sqlite_file.is_file()):
        raise UserError(N_("There is no blog in %(folder)s yet."), folder=config.data_dir)


@contextmanager
def _temporary_folder(config: Config, path: Path) -> Iterator[Path]:
    """Create a folder for unfinished files beside the backup, and remove it at the end.

    Removes what a power failure left of earlier ones.
    """
    if path.parent == storage.folder(config):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in path.parent.glob(f".*{UNFINISHED}"):
            shutil.rmtree(leftover, ignore_errors=True)
    folder = path.with_name(f".{path.name}{UNFINISHED}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(config: Config, path: Path, folder: Path, bar: "tqdm[NoReturn] | None") -> BackupResult:
    database, inventory = _snapshot(config, folder)
    pictures = manifest.pictures(config)  # after the snapshot, so that all pictures in it exist
    draft = folder / "draft"
    with draft.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        packer = Packer(file, _progress(bar, [database, *pictures.values()]))
        packer.add_bytes(HEAD, head_bytes(_head(config, inventory)))
        packer.add(DATABASES[_database_kind(config)], database)
        for name, file_path in manifest.own_files(config):
            # Read at once, because the site owner may be editing the file.
            packer.add_bytes(name, file_path.read_bytes())
        packed = [name for name, picture in pictures.items() if _add(packer, name, picture)]
        packer.end()
        file.flush()
        os.fsync(file.fileno())
    size = draft.stat().st_size
    draft.replace(path)
    _sync(path.parent)
    return _result(path, size, inventory, {name.partition("/")[2] for name in packed})


def _add(packer: Packer, name: str, path: Path) -> bool:
    """Add a picture. Returns False if it has been deleted in the meantime."""
    try:
        packer.add(name, path, UNCOMPRESSED)
    except FileNotFoundError:
        return False
    return True


def _result(path: Path, size: int, inventory: RowCounts, packed: set[str]) -> BackupResult:
    missing = tuple(sorted(set(inventory.pictures) - packed))
    return BackupResult(
        path=path,
        size=size,
        posts=inventory.counts.get("post", 0),
        comments=inventory.counts.get("comment", 0),
        pictures=len(inventory.pictures) - len(missing),
        missing=missing,
    )


def _snapshot(config: Config, folder: Path) -> tuple[Path, RowCounts]:
    """Write a consistent copy of the database into `folder`. Returns its path and row counts."""
    target = folder / DATABASES[_database_kind(config)]
    if not config.is_sqlite:
        inventory = take_inventory(config)
        postgresql.dump(config, target)
        return target, inventory
    db.copy_sqlite(config, target)
    inventory = take_inventory(replace(config, data_dir=folder))
    db.refuse_damaged(target)
    return target, inventory


def take_inventory(config: Config) -> RowCounts:
    """Count the rows of the database."""
    database = Database(config)
    try:
        return database.read_now(row_counts.count_rows)
    finally:
        database.close()


def _database_kind(config: Config) -> str:
    return "sqlite" if config.is_sqlite else "postgresql"


def _head(config: Config, inventory: RowCounts) -> Head:
    return Head(
        made_at=now().isoformat(timespec="seconds"),
        version=__version__,
        revision=inventory.revision,
        database=_database_kind(config),
        title=inventory.title,
        address=inventory.address,
        counts=inventory.counts,
        settings=settings(config),
    )


def settings(config: Config) -> dict[str, str]:
    """Return the environment variables that differ from the defaults, without secrets.

    A restore names those that are different in its environment.
    """
    return {
        variable_of(field): config.shown(field)
        for field in fields(config)
        if getattr(config, field.name) != field.default and field.name not in PLACES
    }


def _progress(bar: "tqdm[NoReturn] | None", files: list[Path]) -> Progress:
    if bar is None:
        return lambda _: None
    bar.total = sum(path.stat().st_size for path in files if path.exists())
    return bar.update


def _sync(folder: Path) -> None:
    """Flush a folder, so that a renamed file survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
