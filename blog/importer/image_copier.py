"""Pictures of an old blog on their way into the media folder, each once."""

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

HANDS = 2  # pictures that are held in memory at once


@dataclass
class ImageCopier:
    """Brings pictures. `is_dry`: looks at them, and writes nothing."""

    config: Config
    is_dry: bool = False
    tasks: dict[Path, asyncio.Task[NewUpload]] = field(default_factory=dict)
    hands: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HANDS))

    async def bring(self, path: Path, crew: Sandbox) -> NewUpload:
        """The picture as it lies with us. Raises `Refusal` for one that cannot be taken."""
        if path not in self.tasks:
            self.tasks[path] = asyncio.create_task(self._bring(path, crew))
        return await self.tasks[path]

    async def _bring(self, path: Path, crew: Sandbox) -> NewUpload:
        async with self.hands:
            return await self._carry(path, crew)

    async def _carry(self, path: Path, crew: Sandbox) -> NewUpload:
        raw = await asyncio.to_thread(_read, path, self.config.max_upload)
        picture = await crew.picture(raw, path.name)
        if _is_ours(path, raw):  # drawn anew, it would lose a little each time
            picture = await self._as_it_was(picture, path, raw, crew)
        if not self.is_dry:
            await media.keep(self.config, picture)
        return NewUpload(
            picture.name,
            path.name[:300],
            picture.width,
            picture.height,
            picture.size,
            picture.type,
        )

    async def _as_it_was(self, picture: Picture, path: Path, raw: bytes, crew: Sandbox) -> Picture:
        """It has been drawn anew, so it is a picture; the bytes that it had are taken."""
        smaller = path.with_name(narrow(path.name))
        if picture.narrow and smaller.is_file():
            small = await asyncio.to_thread(_read, smaller, self.config.max_upload)
            if (await crew.picture(small, smaller.name)).width == NARROW:
                picture = replace(picture, narrow=small)
        size, type = len(raw), media.type_of(path.name)
        return replace(picture, name=_stored(path), data=raw, size=size, type=type)


def _stored(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _is_ours(path: Path, raw: bytes) -> bool:
    """A picture out of an export: it bears the name that its bytes give it."""
    digest = hashlib.sha256(raw).hexdigest()[:32]
    return bool(media.STORED.fullmatch(_stored(path))) and path.stem == digest


def _read(path: Path, most: int) -> bytes:
    """One byte more than may be is enough to be refused."""
    with path.open("rb") as file:
        return file.read(most + 1)
