"""Lists the files of a backup besides the database: pictures, the secret key, custom files."""

import os
from collections.abc import Iterator
from pathlib import Path

from blog import media
from blog.config import Config

MEDIA, SECRET = "media", "secret"
# Files that are backed up separately or recreated at each start, and files of this machine.
TOP_LEVEL_EXCLUDED = frozenset({MEDIA, SECRET, "static", "backups"})
EXCLUDED_SUFFIXES = (".lock", ".log", ".pid", ".sock", ".tmp")


def pictures(config: Config) -> dict[str, Path]:
    """Return every stored picture by its name in the archive. Stored pictures never change."""
    names = (f"{path.parent.name}/{path.name}" for path in config.media_dir.glob("??/*"))
    return {
        f"{MEDIA}/{name}": media.path_of(config, name)
        for name in sorted(names)
        if media.STORED.fullmatch(name)
    }


def own_files(config: Config) -> Iterator[tuple[str, Path]]:
    """Yield name and path of the secret key, and of templates, styles and other custom files."""
    if (config.data_dir / SECRET).is_file():
        yield SECRET, config.data_dir / SECRET
    for parent, folders, files in os.walk(config.data_dir):
        is_top = Path(parent) == config.data_dir
        folders[:] = sorted(name for name in folders if not is_excluded(name, is_top=is_top))
        for name in sorted(files):
            path = Path(parent, name)
            if not is_excluded(name, is_top=is_top) and path.is_file():
                yield path.relative_to(config.data_dir).as_posix(), path


def is_excluded(name: str, *, is_top: bool) -> bool:
    """Whether a file or folder is not a file of the site owner.

    `is_top` means that it is directly in the data folder.
    """
    if name.startswith(".") or name.endswith(EXCLUDED_SUFFIXES):
        return True
    return is_top and (name in TOP_LEVEL_EXCLUDED or name.startswith("blog.sqlite3"))


def is_empty(folder: Path) -> bool:
    """Whether a blog may be restored into the folder.

    Backups and the files that a start creates do not count.
    """
    if not folder.exists():
        return True
    ignored = {"backups", "lost+found", "static"}
    return all(
        path.name in ignored or path.name.startswith(".") or path.name.endswith(EXCLUDED_SUFFIXES)
        for path in folder.iterdir()
    )
