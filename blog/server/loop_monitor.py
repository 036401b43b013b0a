"""Measures how late each worker's event loop runs, and logs the stack of code that blocks it.

A timer fires every 50 ms. Its delay is how long a request would have waited. A second thread takes
the stack of the event loop's thread while the timer is late, which the loop itself cannot do.
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

BEAT = 0.05  # seconds between two runs of the timer
LATE = 0.05  # seconds of delay from which it is logged
KEPT = 6000  # delays that are kept: five minutes
NO_STACK = "no blocking code was seen: the threads waited for a lock, or the machine was busy"
log = logging.getLogger("blog.server.loop_monitor")


@dataclass(frozen=True)
class Lag:
    """Delays of the event loop in seconds: of the last five minutes; `worst` since the start."""

    p50: float = 0.0
    p99: float = 0.0
    worst: float = 0.0


class LoopMonitor:
    """Monitors the event loop in which `start` is called."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._lags: deque[float] = deque(maxlen=KEPT)
        self._due = time.monotonic() + BEAT
        self._stack = ""  # of the code that blocks the loop at this moment
        self._is_stopped = threading.Event()
        self._loop_thread = 0
        self._watcher = threading.Thread(target=self._watch, name="loop monitor", daemon=True)

    def start(self) -> None:
        """Start the timer in the running loop, and the thread that watches it."""
        self._loop_thread = threading.get_ident()
        self._due = time.monotonic() + BEAT
        asyncio.get_running_loop().call_later(BEAT, self._beat)
        self._watcher.start()

    def stop(self) -> None:
        """Stop the timer and the thread. Safe to call if `start` was never reached."""
        self._is_stopped.set()
        if self._watcher.is_alive():
            self._watcher.join()

    def lag(self) -> Lag:
        """Return the delays measured so far; zeros if there are none."""
        lags = sorted(self._lags)
        if not lags:
            return Lag()
        return Lag(lags[len(lags) // 2], lags[len(lags) * 99 // 100], self.worst)

    def _beat(self) -> None:
        if self._is_stopped.is_set():
            return
        now = time.monotonic()
        late = max(0.0, now - self._due)
        self._lags.append(late)
        self.worst = max(self.worst, late)
        if late > LATE:
            stack = self._stack or NO_STACK
            log.warning("The event loop was blocked for %.0f ms\n%s", late * 1000, stack)
        self._due = now + BEAT
        self._stack = ""
        asyncio.get_running_loop().call_later(BEAT, self._beat)

    def _watch(self) -> None:
        """Take the stack once per late timer, while the blocking code still runs."""
        while not self._is_stopped.wait(self._until_late() if not self._stack else BEAT):
            if self._until_late() <= 0 and not self._stack:
                self._stack = _format_stack(sys._current_frames().get(self._loop_thread))

    def _until_late(self) -> float:
        return self._due + LATE / 2 - time.monotonic()


def _format_stack(frame: FrameType | None) -> str:
    return "".join(traceback.format_stack(frame)) if frame else ""
