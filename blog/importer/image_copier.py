"""Copies the pictures of an old blog into the media folder, each picture once."""

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from blog import media
from blog.config import Config
from blog.markup import NARROW, narrow
from blog.media import Picture
from blog.models.transfer.import_posts import NewUpload
from blog.sandbox import Sandbox

CONCURRENCY = 2  # pictures that are held in memory at the same time


@dataclass
class ImageCopier:
    """Copies pictures. With `is_dry` it processes them, but writes nothing."""

    config: Config
    is_dry: bool = False
    tasks: dict[Path, asyncio.Task[NewUpload]] = field(default_factory=dict)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENCY))

    async def copy(self, path: Path, sandbox: Sandbox) -> NewUpload:
        """Return the stored picture. Raises `Refusal` for a file that cannot be accepted."""
        if path not in self.tasks:
            self.tasks[path] = asyncio.create_task(self._copy_in_turn(path, sandbox))
        return await self.tasks[path]

    async def _copy_in_turn(self, path: Path, sandbox: Sandbox) -> NewUpload:
        async with self.slots:
            return await self._copy(path, sandbox)

    async def _copy(self, path: Path, sandbox: Sandbox) -> NewUpload:
        raw = await asyncio.to_thread(_read, path, self.config.max_upload)
        picture = await sandbox.picture(raw, path.name)
        if _is_exported(path, raw):  # encoding it again would lose quality each time
            picture = await self._with_original_bytes(picture, path, raw, sandbox)
        if not self.is_dry:
            await media.store(self.config, picture)
        return NewUpload(
            picture.name,
            path.name[:300],
            picture.width,
            picture.height,
            picture.size,
            picture.type,
        )

    async def _with_original_bytes(
        self, picture: Picture, path: Path, raw: bytes, sandbox: Sandbox
    ) -> Picture:
        """Replace the encoded data by the bytes of the file.

        The sandbox has decoded the file, so it is known to be a picture.
        """
        narrow_path = path.with_name(narrow(path.name))
        if picture.narrow and narrow_path.is_file():
            narrow_raw = await asyncio.to_thread(_read, narrow_path, self.config.max_upload)
            if (await sandbox.picture(narrow_raw, narrow_path.name)).width == NARROW:
                picture = replace(picture, narrow=narrow_raw)
        size, type = len(raw), media.type_of(path.name)
        return replace(picture, name=_stored_name(path), data=raw, size=size, type=type)


def _stored_name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _is_exported(path: Path, raw: bytes) -> bool:
    """Whether the file comes from an export of this program: its name is the hash of its bytes."""
    digest = hashlib.sha256(raw).hexdigest()[:32]
    return bool(media.STORED.fullmatch(_stored_name(path))) and path.stem == digest


def _read(path: Path, max_size: int) -> bytes:
    """Read at most one byte more than `max_size`, which is enough for the file to be refused."""
    with path.open("rb") as file:
        return file.read(max_size + 1)
