"""Passwords are hashed and checked off the loop, and never by more threads than memory allows."""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sanic.exceptions import SanicException

from blog import priority

WAITING_AT_MOST = 32


class TooBusy(SanicException):
    """More people are signing in than there is memory to check at once."""

    status_code = 503
    quiet = True


class Passwords:
    """argon2id off the loop, two at a time: each takes 64 MiB and releases the GIL."""

    def __init__(self) -> None:
        self.hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
        self.threads = ThreadPoolExecutor(
            2, thread_name_prefix="password", initializer=priority.stand_back
        )
        self.waiting = 0
        self.nobody = ""

    async def hash(self, password: str) -> str:
        return str(await self._off_loop(self.hasher.hash, password))

    async def check(self, stored: str | None, password: str) -> bool:
        """As slow for somebody who does not exist as for somebody who does."""
        if not self.nobody:
            self.nobody = await self.hash(secrets.token_hex())
        right = await self._off_loop(self._verify, stored or self.nobody, password)
        return bool(right) and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self.hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _off_loop(self, work: Any, *args: Any) -> Any:
        if self.waiting >= WAITING_AT_MOST:
            raise TooBusy
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, work, *args)
        finally:
            self.waiting -= 1

    def close(self) -> None:
        self.threads.shutdown()
