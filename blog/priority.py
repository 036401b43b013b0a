"""Priorities: keeps page requests fast by slowing down other work in and beside a worker.

It tunes garbage collection and thread switching, sets niceness, and limits concurrent heavy work.
"""

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
from typing import BinaryIO, TypeVar

# Seconds that a busy thread may block the event loop; Python's default is 5 ms.
SWITCH_INTERVAL = 0.0005
LOW_PRIORITY = 10  # a niceness
POLL_INTERVAL = 0.005  # seconds between two attempts to lock a slot
T = TypeVar("T")


def tune_process() -> None:
    """Tune garbage collection and thread switching. Call it before the first request is served.

    Objects created so far live as long as the process. Scanning them in each full collection
    would block the event loop for about 30 ms, so they are excluded from it.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_INTERVAL)


def lower_thread_priority() -> None:
    """Lower the priority of the calling thread. Do not use it for a thread that holds the GIL long.

    While such a thread waits for a processor, all other threads would wait for the GIL.
    """
    with suppress(OSError):  # if threads have no niceness of their own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)


def lower_process_priority() -> None:
    """Lower the priority of the calling process, in a new session.

    With autogroups, the kernel first divides processor time between sessions, and niceness counts
    only within a session. So the session's own niceness is set, too (see sched(7), autogroup).
    """
    os.setsid()
    os.nice(LOW_PRIORITY)
    with suppress(OSError):  # if the kernel has no autogroups
        Path("/proc/self/autogroup").write_text(str(LOW_PRIORITY))


class WorkLimiter:
    """Limits heavy work, such as searches, so that it cannot use every processor.

    Each worker runs one piece of work at a time. All workers together use at most half of the
    processors, each of them half of the time. The slots are file locks, so the kernel frees the
    slot of a process that dies.
    """

    def __init__(self, folder: Path, name: str) -> None:
        count = max(1, (os.cpu_count() or 1) // 2)
        self._slots = [(folder / f"{name}-{slot}.lock").open("ab") for slot in range(count)]
        self._queue = asyncio.Lock()

    def close(self) -> None:
        """Close the lock files."""
        for slot in self._slots:
            slot.close()

    async def take(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """Wait for a slot, do the work and return its result.

        If the caller is cancelled, work that has begun is finished before the next turn.
        """
        await self._queue.acquire()
        try:
            slot = await self._lock_slot()
        except BaseException:
            self._queue.release()
            raise
        task = asyncio.create_task(work())
        task.add_done_callback(partial(self._release_later, slot, time.monotonic()))
        return await asyncio.shield(task)

    async def _lock_slot(self) -> BinaryIO:
        """Lock whichever slot is free first."""
        while True:
            for slot in self._slots:
                if _try_lock(slot):
                    return slot
            await asyncio.sleep(POLL_INTERVAL)  # the kernel does not notify us when a lock is freed

    def _release_later(self, slot: BinaryIO, started_at: float, task: asyncio.Task[object]) -> None:
        """Keep the slot for as long again as the work took. The caller has its result already."""
        if not task.cancelled():
            task.exception()  # retrieved, also if the caller is gone
        duration = time.monotonic() - started_at
        asyncio.get_running_loop().call_later(duration, self._release, slot)

    def _release(self, slot: BinaryIO) -> None:
        if not slot.closed:
            fcntl.flock(slot, fcntl.LOCK_UN)
        self._queue.release()


def _try_lock(slot: BinaryIO) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
