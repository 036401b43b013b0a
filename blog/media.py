"""Uploaded pictures on the disk: their names, addresses, and the way in and out."""

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
    """A picture made safe, not yet on the disk. `narrow` are the bytes of its smaller one."""

    name: str
    width: int
    height: int
    size: int
    type: str
    data: bytes = field(repr=False)
    narrow: bytes = field(default=b"", repr=False)


async def keep(config: Config, picture: Picture) -> str:
    """Write the picture under the media folder. Returns its address."""
    if picture.narrow:
        await _write(path_of(config, narrow(picture.name)), picture.narrow)
    await _write(path_of(config, picture.name), picture.data)
    return address(picture.name)


async def remove(config: Config, name: str) -> None:
    """Take the picture and its smaller one off the disk; no fault if they are gone."""
    for path in (path_of(config, name), path_of(config, narrow(name))):
        with suppress(FileNotFoundError):
            await asyncio.to_thread(path.unlink)


def address(name: str) -> str:
    return ADDRESS + name


def path_of(config: Config, name: str) -> Path:
    """Where a stored name lies. Raises `ValueError` for any other name."""
    if not STORED.fullmatch(name):
        raise ValueError(name)
    return config.media_dir / name


def type_of(name: str) -> str:
    return TYPES[Path(name).suffix]


async def _write(path: Path, data: bytes) -> None:
    """All of it or nothing: a server that dies here leaves no half picture under a good name."""
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
    """The new name is on the disk too, not only in memory, once the folder is synced."""
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
