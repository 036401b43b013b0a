"""Detects that the SQLite database file was replaced by another file while it was open.

Restoring a backup while the blog runs moves the old file away. Open connections would keep reading
the old file, and would write new data into it.
"""

import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

File = tuple[int, int]  # device and inode
Listener = Callable[[DBAPIConnection, ConnectionPoolEntry, PoolProxiedConnection], None]


def file_at(path: Path) -> File | None:
    """Return the identity of the file at `path`.

    None if there is no readable file; then a connection that is open stays in use.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def reconnect_if_replaced(path: Path) -> Listener:
    """Return a pool's checkout listener that reconnects when another file is at `path`."""

    def check(
        _connection: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        current = file_at(path)
        if current not in (None, entry.info.setdefault("file", current)):
            raise DisconnectionError

    return check
