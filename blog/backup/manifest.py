"""What belongs to a blog besides its database: pictures, the secret, its owner's own files."""

import os
from collections.abc import Iterator
from pathlib import Path

from blog import media
from blog.config import Config

MEDIA, SECRET = "media", "secret"
# What any start makes anew, and what is of this machine.
MADE_ANEW = frozenset({MEDIA, SECRET, "static", "backups"})
OF_THE_MACHINE = (".lock", ".log", ".pid", ".sock", ".tmp")


def pictures(config: Config) -> dict[str, Path]:
    """Every stored picture by its name in the archive. They never change once they are there."""
    names = (f"{path.parent.name}/{path.name}" for path in config.media_dir.glob("??/*"))
    return {
        f"{MEDIA}/{name}": media.path_of(config, name)
        for name in sorted(names)
        if media.STORED.fullmatch(name)
    }


def own(config: Config) -> Iterator[tuple[str, Path]]:
    """The owner's templates, styles and whatever else they laid into the data folder."""
    if (config.data_dir / SECRET).is_file():
        yield SECRET, config.data_dir / SECRET
    for where, folders, files in os.walk(config.data_dir):
        is_top = Path(where) == config.data_dir
        folders[:] = sorted(f for f in folders if not is_machinery(f, is_top=is_top))
        for name in sorted(files):
            path = Path(where, name)
            if not is_machinery(name, is_top=is_top) and path.is_file():
                yield path.relative_to(config.data_dir).as_posix(), path


def is_machinery(name: str, *, is_top: bool) -> bool:
    if name.startswith(".") or name.endswith(OF_THE_MACHINE):
        return True
    return is_top and (name in MADE_ANEW or name.startswith("blog.sqlite3"))


def is_empty(folder: Path) -> bool:
    """True where a blog may be put: kept backups, and what a start leaves, do not count."""
    if not folder.exists():
        return True
    ignored = {"backups", "lost+found", "static"}
    return all(
        path.name in ignored or path.name.startswith(".") or path.name.endswith(OF_THE_MACHINE)
        for path in folder.iterdir()
    )
