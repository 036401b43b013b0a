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
    """Which one is there; None where none can be seen: then what is open is all there is."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def look_at(path: Path) -> Callable[..., None]:
    """A pool's listener, by which it opens a connection anew where another file stands."""

    def look(connection: Any, record: Any, proxy: Any) -> None:
        here = file_at(path)
        if here not in (None, record.info.setdefault("file", here)):
            raise DisconnectionError

    return look
