"""Heavy work in a process of its own, so that nobody who reads has to wait for it."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Self

from blog.config import N_, Config
from blog.markup import Rendered, Size, TooMuch, Trust
from blog.media import Picture
from blog.sandbox.process import ProcessEnded, SandboxProcess
from blog.sandbox.protocol import LIMITS, Frame

MOST_WAITING = 20
TRIES = 2
log = logging.getLogger("blog.sandbox")


class SandboxBusy(Exception):
    """Too many are waiting already."""

    message = N_("The blog is busy processing other texts and pictures. Try again in a moment.")

    def __init__(self) -> None:
        super().__init__(self.message)


class SandboxFailed(Exception):
    """A fault of ours in the child, told with its last lines."""


class Sandbox:
    """One child and the queue before it. Belongs to the event loop that first asks it."""

    def __init__(self, config: Config, *, idle_seconds: float = 60) -> None:
        self.config = config
        self.idle_seconds = idle_seconds
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._is_closed = False
        self._child: SandboxProcess | None = None
        self._works: set[asyncio.Task[Frame]] = set()

    @property
    def pid(self) -> int | None:
        """The child's, while there is one."""
        return self._child.process.pid if self._child and self._child.is_alive else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def render(
        self,
        source: str,
        links: Mapping[str, str] | None = None,
        *,
        trust: Trust = "author",
        sizes: Mapping[str, Size] | None = None,
        title: str = "",
    ) -> Rendered:
        """As `markup.render`. Raises `TooMuch` also when it takes too long, and `Busy`."""
        values = {"links": dict(links or {}), "sizes": dict(sizes or {}), "title": title}
        reply, _ = await self._ask("render", {"source": source, "trust": trust, **values})
        return Rendered.from_json(reply["rendered"])

    async def picture(self, raw: bytes, name: str) -> Picture:
        """An upload, named by whoever sent it, made safe. Raises `Refusal` and `Busy`."""
        from blog.models.base import Refusal  # here: the child needs no database

        if len(raw) > self.config.max_upload:
            limit = self.config.max_upload_mb
            raise Refusal(N_("%(name)s is larger than %(limit)s MB."), name=name, limit=limit)
        values = {"name": name, "max_pixels": self.config.max_pixels}
        try:
            reply, data = await self._ask("picture", values, raw)
        except TooMuch as error:
            raise Refusal(N_("Reading %(name)s takes too long."), name=name) from error
        if "refused" in reply:
            raise Refusal(reply["refused"], **reply["params"])
        size = reply["picture"]["size"]
        return Picture(**reply["picture"], data=data[:size], narrow=data[size:])

    async def close(self) -> None:
        """End the child; whoever still waits for it gets no answer."""
        self._is_closed = True
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)
        if self._child:
            await self._child.end()
            self._child = None

    async def _ask(self, job: str, values: dict[str, Any], raw: bytes = b"") -> Frame:
        """Queue for the child. A caller who gives up leaves the queue, or the work to its end."""
        if self._waiting >= MOST_WAITING:
            raise SandboxBusy
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        if self._is_closed:
            self._turn.release()
            raise SandboxBusy
        work = asyncio.create_task(self._work(job, values, raw))
        self._works.add(work)
        work.add_done_callback(self._after)
        return await asyncio.shield(work)

    def _after(self, work: asyncio.Task[Frame]) -> None:
        self._works.discard(work)
        self._turn.release()
        if not work.cancelled():
            work.exception()  # looked at, also where the caller is gone

    async def _work(self, job: str, values: dict[str, Any], raw: bytes) -> Frame:
        head = {"job": job, **values}
        for _ in range(TRIES):
            try:
                return _checked(await self._try(head, raw))
            except ProcessEnded as gone:
                if gone.is_overdue:
                    raise TooMuch(
                        N_("Processing this took too long. Make it shorter or smaller.")
                    ) from gone
                if not gone.is_idle:
                    log.warning("The sandbox process ended during a job (%s): %s", job, gone)
        raise TooMuch(N_("This could not be processed: the process working on it crashed."))

    async def _try(self, head: dict[str, Any], raw: bytes) -> Frame:
        if self._child is None or not self._child.is_alive:
            self._child = await SandboxProcess.start(_memory(self.config), self.idle_seconds)
        try:
            return await self._child.ask(head, raw, LIMITS[head["job"]].waiting)
        except BaseException as error:
            await self._child.end()
            self._child = None
            if isinstance(error, TimeoutError):
                raise TooMuch(
                    N_("Processing this took too long. Make it shorter or smaller.")
                ) from error
            raise


def _memory(config: Config) -> int:
    """Bytes for the child: a picture is held up to five times while it is scaled and written."""
    return max(1 << 30, (1 << 28) + config.max_pixels * 1_000_000 * 4 * 5)


def _checked(frame: Frame) -> Frame:
    head, _ = frame
    if "too_much" in head:
        raise TooMuch(head["too_much"], **head["params"])
    if "failed" in head:
        raise SandboxFailed(head["failed"])
    return frame
