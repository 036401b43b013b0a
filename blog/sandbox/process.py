"""One child process, seen from its parent."""

import asyncio
import signal
from typing import Any

from blog.config import PACKAGE, interpreter
from blog.sandbox import protocol

START_SECONDS = 30


class ProcessEnded(Exception):
    """The child ended before it answered: its time was over, it had been idle, or it broke."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"exit code {code}")
        self.is_overdue = code == -signal.SIGPROF
        self.is_idle = code == 0


class SandboxProcess:
    """`python -m blog.sandbox`, from its start to its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, memory: int, idle: float) -> "SandboxProcess":
        """A child that is ready, may have `memory` bytes, and ends after `idle` seconds unasked.

        Its stderr is ours, so that nothing it says is lost.
        """
        process = await asyncio.create_subprocess_exec(
            *(interpreter(), "-m", "blog.sandbox", str(memory), str(idle)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=PACKAGE.parent,
        )
        child = cls(process)
        try:
            await asyncio.wait_for(child._receive(), START_SECONDS)
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None

    async def ask(self, head: dict[str, Any], raw: bytes, seconds: float) -> protocol.Frame:
        """The reply to one request. Raises `Gone`; `TimeoutError` leaves the child unusable."""
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
        if self.is_alive:
            self.process.kill()
        await self.process.wait()
