"""The folder where backups are kept: what is in it, what goes, and when the last one was made."""

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

ENDING = ".tar.gz"
NAME = re.compile(r"\d{4}-\d\d-\d\d-\d{6}(?P<upgrade>-before-\w+)?\.tar\.gz")
LAST, LOCK = "last.json", "backup.lock"
UPGRADES_KEPT = 3


@dataclass(frozen=True)
class Last:
    """What became of the last backup. `fault` says why the one after it failed."""

    made_at: str = ""
    place: str = ""
    size: int = 0
    tried_at: str = ""
    fault: str = ""

    @property
    def moment(self) -> datetime | None:
        return datetime.fromisoformat(self.made_at) if self.made_at else None

    @property
    def tried(self) -> datetime | None:
        return datetime.fromisoformat(self.tried_at) if self.tried_at else None


def folder(config: Config) -> Path:
    """Whole, as is every path of a backup: `data` is enough for the setting, and is its default."""
    return (config.data_dir / "backups").absolute()


def place(config: Config, mark: str = "") -> Path:
    """The name of a backup that is made now."""
    return folder(config) / f"{now():%Y-%m-%d-%H%M%S}{mark}{ENDING}"


@contextmanager
def alone(config: Config) -> Iterator[None]:
    """One backup at a time; whoever comes second waits."""
    with (config.data_dir / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_busy(config: Config) -> bool:
    """A backup is being made, maybe for a worker that was killed meanwhile."""
    with (config.data_dir / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def every(config: Config, *, upgrades: bool = False) -> list[Path]:
    """The backups on the shelf, oldest first. What is no backup is neither counted nor deleted."""
    if not folder(config).is_dir():
        return []
    found = ((path, NAME.fullmatch(path.name)) for path in sorted(folder(config).iterdir()))
    ours = (path for path, name in found if name and bool(name["upgrade"]) == upgrades)
    return [path for path in ours if _is_ours(path)]


def _is_ours(path: Path) -> bool:
    """Its head can be read. It bears its name only since all of it was on the disk."""
    try:
        with Unpacker.open(path):
            return True
    except (Damaged, OSError):
        return False


def prune(config: Config, keep: int, *, upgrades: bool = False) -> list[Path]:
    """Delete all but the `keep` newest, and never the last one. Returns what is gone."""
    gone = every(config, upgrades=upgrades)[: -max(keep, 1)]
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def last(config: Config) -> Last:
    """For whoever wants to know whether the blog is backed up; all empty if it never was."""
    try:
        return Last(**json.loads((folder(config) / LAST).read_text()))
    except (OSError, ValueError, TypeError):
        return Last()


def note_made(config: Config, path: Path) -> None:
    moment = now().isoformat(timespec="seconds")
    with suppress(OSError):  # the backup may lie on another disk, and this one be full
        _note(config, Last(moment, str(path.resolve()), path.stat().st_size, moment))


def note_fault(config: Config, fault: str) -> None:
    """The last good one stays noted."""
    known = last(config)
    moment = now().isoformat(timespec="seconds")
    with suppress(OSError):
        _note(config, Last(known.made_at, known.place, known.size, moment, fault))


def _note(config: Config, said: Last) -> None:
    folder(config).mkdir(mode=0o700, exist_ok=True)
    path = folder(config) / LAST
    draft = path.with_name(f".{LAST}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(said), ensure_ascii=False, indent=1))
    draft.replace(path)


def is_due(config: Config, every: timedelta, since: datetime | None) -> bool:
    """`since` stands in for a first backup: a blog of an hour's age needs none yet."""
    known, moment = last(config), now()
    if known.fault and known.tried and moment - known.tried < timedelta(hours=1):
        return False
    start = known.moment or since
    return start is not None and moment - start >= every
