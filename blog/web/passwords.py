"""Password hashing and checking with argon2id, in threads, within a bound on memory."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sanic.exceptions import SanicException

from blog import priority

T = TypeVar("T")
WAITING_AT_MOST = 32


class TooBusy(SanicException):
    """503: too many passwords are waiting to be hashed or checked."""

    status_code = 503
    quiet = True


class Passwords:
    """Hashes and checks passwords in two threads: each takes 64 MiB and releases the GIL."""

    def __init__(self) -> None:
        self.hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
        self.threads = ThreadPoolExecutor(
            2, thread_name_prefix="password", initializer=priority.lower_thread_priority
        )
        self.waiting = 0
        self.dummy_hash = ""

    async def hash(self, password: str) -> str:
        """Return the argon2id hash of a password. Raises `TooBusy`."""
        return await self._in_thread(self.hasher.hash, password)

    async def check(self, stored: str | None, password: str) -> bool:
        """Return whether `password` has the hash `stored`. Raises `TooBusy`.

        Without a stored hash (an unknown account) the password is checked against a dummy hash, so
        that timing does not reveal which accounts exist.
        """
        if not self.dummy_hash:
            self.dummy_hash = await self.hash(secrets.token_hex())
        is_right = await self._in_thread(self._verify, stored or self.dummy_hash, password)
        return is_right and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self.hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[..., T], *args: str) -> T:
        if self.waiting >= WAITING_AT_MOST:
            raise TooBusy
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, work, *args)
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Wait for the threads to finish, and end them."""
        self.threads.shutdown()
