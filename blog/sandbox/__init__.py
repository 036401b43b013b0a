"""The sandbox: renders texts and re-encodes pictures in a separate, limited process.

So heavy work cannot block the event loop, use up the memory, or crash a worker.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Self

from blog.config import N_, Config
from blog.markup import Rendered, Size, TooMuch, Trust
from blog.media import Picture
from blog.refusal import Refusal
from blog.sandbox.process import ProcessEnded, SandboxProcess
from blog.sandbox.protocol import LIMITS, Frame, Head

MAX_WAITING = 20
MAX_ATTEMPTS = 2
log = logging.getLogger("blog.sandbox")


class SandboxBusy(Refusal):
    """Too many jobs are waiting already, or the sandbox is closed."""

    def __init__(self) -> None:
        super().__init__(
            N_("The blog is busy processing other texts and pictures. Try again in a moment.")
        )


class UploadTooLarge(Refusal):
    """The file of an uploaded picture is larger than the blog accepts."""


class SandboxFailed(Exception):
    """A bug in our code made the job fail. The message holds the end of the traceback."""


class Sandbox:
    """One sandbox process and its queue. Belongs to the event loop that uses it first."""

    def __init__(self, config: Config, *, idle_seconds: float = 60) -> None:
        self.config = config
        self.idle_seconds = idle_seconds
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._is_closed = False
        self._process: SandboxProcess | None = None
        self._jobs: set[asyncio.Task[Frame]] = set()

    @property
    def pid(self) -> int | None:
        """The process id of the sandbox process, or None if it is not running."""
        return self._process.process.pid if self._process and self._process.is_alive else None

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
        """Render a text like `markup.render`.

        Raises `TooMuch` also if it takes too long, and `SandboxBusy`.
        """
        values = {"links": dict(links or {}), "sizes": dict(sizes or {}), "title": title}
        reply, _ = await self._enqueue("render", {"source": source, "trust": trust, **values})
        return Rendered.from_json(reply["rendered"])

    async def picture(self, raw: bytes, name: str) -> Picture:
        """Re-encode an upload, so that it is safe to serve. `name` is the file name of the sender.

        Raises a `Refusal` of the field `picture` if it is not a picture, `UploadTooLarge`, and
        `SandboxBusy`.
        """
        if len(raw) > self.config.max_upload:
            limit = self.config.max_upload_mb
            message = N_("%(name)s is larger than %(limit)s MB.")
            raise UploadTooLarge(message, "picture", name=name, limit=limit)
        values = {"name": name, "max_pixels": self.config.max_pixels}
        try:
            reply, data = await self._enqueue("picture", values, raw)
        except TooMuch as error:
            raise Refusal(N_("Reading %(name)s takes too long."), "picture", name=name) from error
        if "refused" in reply:
            raise Refusal(reply["refused"], "picture", **reply["params"])
        size = reply["picture"]["size"]
        return Picture(**reply["picture"], data=data[:size], narrow=data[size:])

    async def close(self) -> None:
        """Cancel all jobs and end the process."""
        self._is_closed = True
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        if self._process:
            await self._process.end()
            self._process = None

    async def _enqueue(self, kind: str, values: Head, raw: bytes = b"") -> Frame:
        """Wait for the process, then run the job.

        A cancelled caller leaves the queue. If its job is already running, the job is finished.
        """
        if self._waiting >= MAX_WAITING:
            raise SandboxBusy
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        if self._is_closed:
            self._turn.release()
            raise SandboxBusy
        job = asyncio.create_task(self._run(kind, values, raw))
        self._jobs.add(job)
        job.add_done_callback(self._finish)
        return await asyncio.shield(job)

    def _finish(self, job: asyncio.Task[Frame]) -> None:
        self._jobs.discard(job)
        self._turn.release()
        if not job.cancelled():
            job.exception()  # retrieved, also if the caller is gone

    async def _run(self, kind: str, values: Head, raw: bytes) -> Frame:
        head = {"job": kind, **values}
        for _ in range(MAX_ATTEMPTS):
            try:
                return _checked(await self._try(head, raw))
            except ProcessEnded as ended:
                if ended.is_overdue:
                    raise TooMuch(
                        N_("Processing this took too long. Make it shorter or smaller.")
                    ) from ended
                if not ended.is_idle:
                    log.warning("The sandbox process ended during a job (%s): %s", kind, ended)
        raise TooMuch(N_("This could not be processed: the process working on it crashed."))

    async def _try(self, head: Head, raw: bytes) -> Frame:
        if self._process is None or not self._process.is_alive:
            self._process = await SandboxProcess.start(_memory(self.config), self.idle_seconds)
        try:
            return await self._process.request(head, raw, LIMITS[head["job"]].waiting)
        except BaseException as error:
            await self._process.end()
            self._process = None
            if isinstance(error, TimeoutError):
                raise TooMuch(
                    N_("Processing this took too long. Make it shorter or smaller.")
                ) from error
            raise


def _memory(config: Config) -> int:
    """Return the process's memory limit in bytes. A picture is held up to five times at once."""
    return max(1 << 30, (1 << 28) + config.max_pixels * 1_000_000 * 4 * 5)


def _checked(frame: Frame) -> Frame:
    """Return the reply unless it reports an error. Raises `TooMuch` or `SandboxFailed`."""
    head, _ = frame
    if "too_much" in head:
        raise TooMuch(head["too_much"], **head["params"])
    if "failed" in head:
        raise SandboxFailed(head["failed"])
    return frame
