"""The parent's handle on a sandbox process: starts it, sends it requests, ends it."""

import asyncio
import signal

from blog.config import PACKAGE, interpreter
from blog.sandbox import protocol

START_SECONDS = 30


class ProcessEnded(Exception):
    """The process ended before it replied: it ran out of time, had been idle, or crashed."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"exit code {code}")
        self.is_overdue = code == -signal.SIGPROF
        self.is_idle = code == 0


class SandboxProcess:
    """A running `python -m blog.sandbox`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, memory: int, idle: float) -> "SandboxProcess":
        """Start a process and wait until it is ready.

        It may use `memory` bytes and ends after `idle` seconds without a request. It inherits our
        stderr, so that its error messages are not lost.
        """
        process = await asyncio.create_subprocess_exec(
            *(interpreter(), "-m", "blog.sandbox", str(memory), str(idle)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=PACKAGE.parent,
        )
        sandbox = cls(process)
        try:
            await asyncio.wait_for(sandbox._receive(), START_SECONDS)
        except BaseException:
            await sandbox.end()
            raise
        return sandbox

    @property
    def is_alive(self) -> bool:
        """Whether the process is still running."""
        return self.process.returncode is None

    async def request(self, head: protocol.Head, raw: bytes, seconds: float) -> protocol.Frame:
        """Send one request and return the reply.

        Raises `ProcessEnded`, or `TimeoutError` after `seconds`, which leaves the process unusable.
        """
        assert self.process.stdin is not None  # noqa: S101 -- tells mypy what PIPE means
        try:
            async with asyncio.timeout(seconds):
                self.process.stdin.write(protocol.pack(head, raw))
                await self.process.stdin.drain()
                return await self._receive()
        except ConnectionError as error:
            raise ProcessEnded(await self.process.wait()) from error

    async def _receive(self) -> protocol.Frame:
        assert self.process.stdout is not None  # noqa: S101 -- tells mypy what PIPE means
        try:
            return await protocol.receive(self.process.stdout)
        except EOFError as error:
            raise ProcessEnded(await self.process.wait()) from error

    async def end(self) -> None:
        """Kill the process and wait for it."""
        if self.is_alive:
            self.process.kill()
        await self.process.wait()
