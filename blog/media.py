"""Uploaded pictures on disk: their file names and addresses, writing and removing them."""

import asyncio
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiofiles

from blog.config import Config
from blog.markup import narrow

ADDRESS = "/media/"
STORED = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{30}(?:\.(?:jpg|png|webp)|-960\.webp)")
TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True)
class Picture:
    """A picture that is safe to serve, not yet on disk.

    `name` is its path below the media folder, `size` the length of `data` in bytes, `type` its
    media type. `narrow` holds the bytes of the smaller version, or nothing if there is none.
    """

    name: str
    width: int
    height: int
    size: int
    type: str
    data: bytes = field(repr=False)
    narrow: bytes = field(default=b"", repr=False)


async def store(config: Config, picture: Picture) -> str:
    """Write the picture under the media folder. Returns its address."""
    if picture.narrow:
        await _write(path_of(config, narrow(picture.name)), picture.narrow)
    await _write(path_of(config, picture.name), picture.data)
    return address(picture.name)


async def remove(config: Config, name: str) -> None:
    """Delete the picture and its smaller version. Files that do not exist are no error."""
    for path in (path_of(config, name), path_of(config, narrow(name))):
        with suppress(FileNotFoundError):
            await asyncio.to_thread(path.unlink)


def address(name: str) -> str:
    """Return the URL path of a stored picture."""
    return ADDRESS + name


def path_of(config: Config, name: str) -> Path:
    """Return the path of a stored picture. Raises `ValueError` if the name is not one of ours."""
    if not STORED.fullmatch(name):
        raise ValueError(name)
    return config.media_dir / name


def type_of(name: str) -> str:
    """Return the media type of a stored picture."""
    return TYPES[Path(name).suffix]


async def _write(path: Path, data: bytes) -> None:
    """Write the file atomically, so that a crash leaves no half-written picture under its name."""
    if await asyncio.to_thread(path.exists):
        return
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        async with aiofiles.open(unfinished, "xb") as file:
            await file.write(data)
            await file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        await asyncio.to_thread(_rename, unfinished, path)
    finally:
        with suppress(FileNotFoundError):
            await asyncio.to_thread(unfinished.unlink)


def _rename(unfinished: Path, path: Path) -> None:
    """Rename the file and sync its folder, so that the new name survives a power failure."""
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
