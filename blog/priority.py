"""Who comes first: whoever reads. All else in a process, and beside it, stands back."""

import asyncio
import fcntl
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

TURN = 0.0005  # seconds that a busy thread keeps the event loop waiting; Python's own are 5 ms
HUMBLE = 10  # niceness
LOOK = 0.005  # seconds between two looks whether it is one's turn
T = TypeVar("T")


def settle() -> None:
    """To be called when all is there and nobody is served yet.

    What was made so far stays for good: to look through it for what is not wanted any more would
    hold the event loop for some thirty milliseconds each time.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(TURN)


def stand_back() -> None:
    """The calling thread goes last. Not for one that holds the GIL for long: then all wait."""
    with suppress(OSError):  # where threads have no niceness of their own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HUMBLE)


def go_last() -> None:
    """The calling process goes last, in a session of its own: where the kernel shares out the
    processors by sessions first, niceness alone counts only within one (sched(7), autogroup)."""
    os.setsid()
    os.nice(HUMBLE)
    with suppress(OSError):  # where it does not
        Path("/proc/self/autogroup").write_text(str(HUMBLE))


class Turns:
    """For work of which many at once would take every processor: one by one in each worker, and
    in all of them together no more than half of the processors have to do, half of the time.

    The kernel keeps the turns, so that nobody who dies takes one along.
    """

    def __init__(self, folder: Path, name: str) -> None:
        seats = max(1, (os.cpu_count() or 1) // 2)
        self._seats = [(folder / f"{name}-{seat}.lock").open("ab") for seat in range(seats)]
        self._queue = asyncio.Lock()

    def close(self) -> None:
        for seat in self._seats:
            seat.close()

    async def take(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Whoever leaves: what was begun is finished before the next one's turn."""
        await self._queue.acquire()
        try:
            seat = await self._sit_down()
        except BaseException:
            self._queue.release()
            raise
        task = asyncio.create_task(work())
        task.add_done_callback(partial(self._rest, seat, time.monotonic()))
        return await asyncio.shield(task)

    async def _sit_down(self) -> BinaryIO:
        """On whichever seat is free first."""
        while True:
            for seat in self._seats:
                if _is_mine(seat):
                    return seat
            await asyncio.sleep(LOOK)  # the kernel calls nobody

    def _rest(self, seat: BinaryIO, began_at: float, done: asyncio.Task[Any]) -> None:
        """For as long as it took; whoever asks alone is answered by then and does not wait."""
        done.cancelled() or done.exception()
        took = time.monotonic() - began_at
        asyncio.get_running_loop().call_later(took, self._stand_up, seat)

    def _stand_up(self, seat: BinaryIO) -> None:
        if not seat.closed:
            fcntl.flock(seat, fcntl.LOCK_UN)
        self._queue.release()


def _is_mine(seat: BinaryIO) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
