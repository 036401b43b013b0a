"""Manages the folder of backups: lists and deletes them, and records the result of the last one."""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from blog.backup.archive import Damaged, Unpacker
from blog.config import Config
from blog.models.base import now

EXTENSION = ".tar.gz"
NAME = re.compile(r"\d{4}-\d\d-\d\d-\d{6}(?P<upgrade>-before-\w+)?\.tar\.gz")
RESULT_FILE, LOCK = "last.json", "backup.lock"
UPGRADES_KEPT = 3


@dataclass(frozen=True)
class LastBackup:
    """The last backup. `fault` is set if the attempt after it failed. Times are in ISO format.

    `place` is a path, and `size` is in bytes.
    """

    made_at: str = ""
    place: str = ""
    size: int = 0
    tried_at: str = ""
    fault: str = ""

    @property
    def moment(self) -> datetime | None:
        """The time of the last backup."""
        return datetime.fromisoformat(self.made_at) if self.made_at else None

    @property
    def tried(self) -> datetime | None:
        """The time of the last attempt."""
        return datetime.fromisoformat(self.tried_at) if self.tried_at else None


def folder(config: Config) -> Path:
    """Return the absolute path of the folder; the setting of the data folder may be relative."""
    return (config.data_dir / "backups").absolute()


def new_path(config: Config, suffix: str = "") -> Path:
    """Return the path for a backup that is made now."""
    return folder(config) / f"{now():%Y-%m-%d-%H%M%S}{suffix}{EXTENSION}"


@contextmanager
def lock(config: Config) -> Iterator[None]:
    """Wait until no other backup is being made, and keep others from starting."""
    with (config.data_dir / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_busy(config: Config) -> bool:
    """Whether a backup is being made, even if the worker that started it was killed."""
    with (config.data_dir / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def list_backups(config: Config, *, upgrades: bool = False) -> list[Path]:
    """Return the backups in the folder, the oldest first.

    `upgrades` selects those made before an upgrade, else the others. Other files are ignored, so
    that `prune` never deletes them.
    """
    if not folder(config).is_dir():
        return []
    matches = ((path, NAME.fullmatch(path.name)) for path in sorted(folder(config).iterdir()))
    named = (path for path, match in matches if match and bool(match["upgrade"]) == upgrades)
    return [path for path in named if _is_backup(path)]


def _is_backup(path: Path) -> bool:
    """Whether the metadata can be read. A file gets its name only once it is complete."""
    try:
        with Unpacker.open(path):
            return True
    except (Damaged, OSError):
        return False


def prune(config: Config, keep: int, *, upgrades: bool = False) -> list[Path]:
    """Delete all but the `keep` newest, at least one. Returns the deleted paths."""
    old = list_backups(config, upgrades=upgrades)[: -max(keep, 1)]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def last_backup(config: Config) -> LastBackup:
    """Return the last backup; all fields are empty if there was none."""
    try:
        return LastBackup(**json.loads((folder(config) / RESULT_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return LastBackup()


def record_success(config: Config, path: Path) -> None:
    """Record a backup that was made."""
    moment = now().isoformat(timespec="seconds")
    with suppress(OSError):  # the backup may be on another disk, while this one is full
        _write_result(config, LastBackup(moment, str(path.resolve()), path.stat().st_size, moment))


def record_failure(config: Config, fault: str) -> None:
    """Record a failed attempt, and keep the record of the last good backup."""
    previous = last_backup(config)
    moment = now().isoformat(timespec="seconds")
    with suppress(OSError):
        _write_result(
            config, LastBackup(previous.made_at, previous.place, previous.size, moment, fault)
        )


def _write_result(config: Config, result: LastBackup) -> None:
    folder(config).mkdir(mode=0o700, exist_ok=True)
    path = folder(config) / RESULT_FILE
    draft = path.with_name(f".{RESULT_FILE}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(result), ensure_ascii=False, indent=1))
    draft.replace(path)


def is_due(config: Config, interval: timedelta, set_up_at: datetime | None) -> bool:
    """Whether the last backup is older than the interval.

    Without a backup, the interval starts when the blog was set up. After a failure, nothing is due
    for an hour.
    """
    previous, moment = last_backup(config), now()
    if previous.fault and previous.tried and moment - previous.tried < timedelta(hours=1):
        return False
    start = previous.moment or set_up_at
    return start is not None and moment - start >= interval
