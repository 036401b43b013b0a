"""Each worker feels the pulse of its own event loop: how late it is, and what held it up.

A beat is asked for every twentieth of a second; how late it comes is how long a request would have
waited. A thread beside looks on, for whoever holds the loop cannot say so.
"""

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass
from types import FrameType

BEAT = 0.05  # seconds
LATE = 0.05  # seconds that are told in the log
KEPT = 6000  # beats: five minutes
NOBODY = "no blocking code was seen: the threads waited for a lock, or the machine was busy"
log = logging.getLogger("blog.server.loop_monitor")


@dataclass(frozen=True)
class Lag:
    """How late the beats of the last five minutes came, in seconds; `worst` since the start."""

    p50: float = 0.0
    p99: float = 0.0
    worst: float = 0.0


class LoopMonitor:
    """Belongs to the event loop that starts it."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._lags: deque[float] = deque(maxlen=KEPT)
        self._due = time.monotonic() + BEAT
        self._held_at = ""
        self._is_over = threading.Event()
        self._loop_thread = 0
        self._watcher = threading.Thread(target=self._watch, name="pulse", daemon=True)

    def start(self) -> None:
        self._loop_thread = threading.get_ident()
        self._due = time.monotonic() + BEAT
        asyncio.get_running_loop().call_later(BEAT, self._beat)
        self._watcher.start()

    def stop(self) -> None:
        self._is_over.set()
        if self._watcher.is_alive():  # a start that was cut short has none
            self._watcher.join()

    def lag(self) -> Lag:
        lags = sorted(self._lags)
        if not lags:
            return Lag()
        return Lag(lags[len(lags) // 2], lags[len(lags) * 99 // 100], self.worst)

    def _beat(self) -> None:
        if self._is_over.is_set():
            return
        now = time.monotonic()
        late = max(0.0, now - self._due)
        self._lags.append(late)
        self.worst = max(self.worst, late)
        if late > LATE:
            held_at = self._held_at or NOBODY
            log.warning("The event loop was blocked for %.0f ms\n%s", late * 1000, held_at)
        self._due = now + BEAT
        self._held_at = ""
        asyncio.get_running_loop().call_later(BEAT, self._beat)

    def _watch(self) -> None:
        """Look at each late beat once, while it is late: afterwards nobody is at it any more."""
        while not self._is_over.wait(self._until_late() if not self._held_at else BEAT):
            if self._until_late() <= 0 and not self._held_at:
                self._held_at = _stack(sys._current_frames().get(self._loop_thread))

    def _until_late(self) -> float:
        return self._due + LATE / 2 - time.monotonic()


def _stack(frame: FrameType | None) -> str:
    return "".join(traceback.format_stack(frame)) if frame else ""
