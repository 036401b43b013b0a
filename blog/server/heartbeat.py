"""What each worker does for the warden: it beats, and leaves when it is told to or main is gone."""

import asyncio
import os
import signal
import threading
import time
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from typing import Any

from sanic import Sanic
from sanic.log import error_logger as log

SLOTS = 256
VITALS = 8  # numbers that each worker lets the others know
LEAVING = 1 << 62  # where the beats of a worker go on from that has heard of the stop
EXTRA = 5  # seconds on top of the graceful stop before it is ended by force


def slot_of(name: str) -> int:
    """Of `Sanic-Server-2-0`."""
    return 1 + int(name.split("-")[2]) % (SLOTS - 1)


def unshield() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


async def follow_main(app: Sanic[Any, Any]) -> None:
    main = parent_process()
    if main is None:  # one process alone: nobody else lifts the block
        unshield()
    if main and hasattr(app.shared_ctx, "beats"):
        grace = app.config.GRACEFUL_SHUTDOWN_TIMEOUT + EXTRA
        threading.Thread(
            target=_leave_with, args=(main, app.shared_ctx.beats[0], grace), daemon=True
        ).start()


def _leave_with(main: BaseProcess, helper: int, grace: float) -> None:
    """Sanic's workers do not notice that main was killed: they would live on and keep the port."""
    main.join()
    log.error("The main process is gone; worker [%s] exits.", os.getpid())
    os.kill(os.getpid(), signal.SIGTERM)
    if helper:
        with suppress(ProcessLookupError):
            os.kill(helper, signal.SIGKILL)
    time.sleep(grace)
    os._exit(1)


async def beat(app: Sanic[Any, Any]) -> None:
    if parent_process() and hasattr(app.shared_ctx, "beats"):
        loop, slot = asyncio.get_running_loop(), slot_of(app.m.name)
        _keep_beating(loop, app.shared_ctx.beats, slot)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _leave, app, loop, slot)


def _keep_beating(loop: asyncio.AbstractEventLoop, beats: Any, slot: int) -> None:
    """A timer and no task, so that a graceful stop has nothing to cancel."""
    beats[slot] += 1
    loop.call_later(1, _keep_beating, loop, beats, slot)


def _leave(app: Sanic[Any, Any], loop: asyncio.AbstractEventLoop, slot: int) -> None:
    """Ctrl-C reaches a worker from the terminal and from main; the second would cut it short."""
    app.shared_ctx.beats[slot] = LEAVING
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    app.stop(terminate=False)
