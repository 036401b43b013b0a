"""The file of an SQLite database, told from another one that was put into its place.

Who restores a backup while the blog runs moves the old file away. Whatever had it open would go on
reading it, and would write into it what people send.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DisconnectionError

File = tuple[int, int]


def file_at(path: Path) -> File | None:
    """Which one is there; None while none is."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def is_another(known: File | None, path: Path) -> bool:
    """Where none is, what is open is all that there is."""
    return file_at(path) not in (None, known)


def look_at(path: Path) -> Callable[..., None]:
    """A pool's listener, by which it opens a connection anew where another file stands."""

    def look(connection: Any, record: Any, proxy: Any) -> None:
        if is_another(record.info.setdefault("file", file_at(path)), path):
            raise DisconnectionError

    return look
