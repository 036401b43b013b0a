"""The worker's side of supervision: heartbeats, and exiting on a signal or with the main process.

The main process reads the heartbeats in `blog.server.supervisor`.
"""

import asyncio
import ctypes
import os
import signal
import threading
import time
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess

from sanic.log import error_logger as log

from blog.server import App

SLOTS = 256  # entries in shared memory; more than there are workers
VITALS = 8  # numbers per worker that `blog.server.vitals` shares
STOPPING = 1 << 62  # a worker that has received the stop signal counts its beats on from here
EXTRA = 5  # seconds after the graceful stop until a process is killed
Beats = ctypes.Array[ctypes.c_ulonglong]


def slot_of(name: str) -> int:
    """Return the slot in shared memory of a worker, by its name such as `Sanic-Server-2-0`."""
    return 1 + int(name.split("-")[2]) % (SLOTS - 1)


def unblock_sigterm() -> None:
    """Let SIGTERM through again, in the calling thread."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


async def follow_main(app: App) -> None:
    """Start the thread that ends this worker when the main process dies (a listener)."""
    main = parent_process()
    if main is None:  # a single process: nothing else unblocks the signal
        unblock_sigterm()
    if main and hasattr(app.shared_ctx, "beats"):
        grace = app.config.GRACEFUL_SHUTDOWN_TIMEOUT + EXTRA
        threading.Thread(
            target=_exit_with_main, args=(main, app.shared_ctx.beats[0], grace), daemon=True
        ).start()


def _exit_with_main(main: BaseProcess, state_pid: int, grace: float) -> None:
    """Wait for the end of the main process, then stop this worker within `grace` seconds.

    Sanic's workers do not notice that the main process was killed: they would keep the port open.
    `state_pid` is the process that holds Sanic's shared state, 0 if there is none; it is killed.
    """
    main.join()
    log.error("The main process is gone; worker [%s] exits.", os.getpid())
    os.kill(os.getpid(), signal.SIGTERM)
    if state_pid:
        with suppress(ProcessLookupError):
            os.kill(state_pid, signal.SIGKILL)
    time.sleep(grace)
    os._exit(1)


async def beat(app: App) -> None:
    """Start the heartbeat of this worker and handle its stop signals (a listener)."""
    if parent_process() and hasattr(app.shared_ctx, "beats"):
        loop, slot = asyncio.get_running_loop(), slot_of(app.m.name)
        _beat_repeatedly(loop, app.shared_ctx.beats, slot)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _stop, app, loop, slot)


def _beat_repeatedly(loop: asyncio.AbstractEventLoop, beats: Beats, slot: int) -> None:
    """Beat once per second.

    Uses a timer, not a task, so that a graceful stop has nothing to cancel.
    """
    beats[slot] += 1
    loop.call_later(1, _beat_repeatedly, loop, beats, slot)


def _stop(app: App, loop: asyncio.AbstractEventLoop, slot: int) -> None:
    """Stop gracefully, and ignore further signals.

    After Ctrl-C a worker gets a signal from the terminal and another from the main process. The
    second one would cut the graceful stop short.
    """
    app.shared_ctx.beats[slot] = STOPPING
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    app.stop(terminate=False)
