"""Shares a few numbers of each worker, such as the lag of its event loop, with all workers."""

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from blog.server import App
from blog.server.heartbeat import VITALS, slot_of

STORE_EVERY = 5.0  # seconds
GONE_AFTER = 20.0  # seconds without new numbers until a worker is no longer listed


@dataclass(frozen=True)
class WorkerVitals:
    """The numbers of one worker: event loop lag in seconds, and its page cache.

    `cache_bytes` is the size of the cache, `cache_hits` counts the pages served from it, and
    `cache_stores` those that were rendered and stored. Both start at 0 in a new worker.
    """

    name: str
    pid: int
    lag_p50: float
    lag_p99: float
    lag_worst: float
    cache_bytes: float
    cache_hits: float
    cache_stores: float


def attach(app: App) -> None:
    """Register the listeners that share each worker's numbers with all workers."""
    app.before_server_start(_open)
    app.after_server_start(_store_repeatedly)


def read(app: App) -> list[WorkerVitals]:
    """Return the numbers of every worker that runs, this one's as of now.

    Under another server than Sanic's, return only those of this worker.
    """
    _store(app)
    return list(_rows(app.ctx.vitals))


def worker_name(app: App) -> str:
    """Return the name of this worker, such as `Sanic-Server-2-0`; `alone` under other servers."""
    return _name(_slot(app))


async def _open(app: App) -> None:
    """Use the memory that the main process shares; without one, memory of this process alone."""
    is_shared = hasattr(app.shared_ctx, "vitals")
    app.ctx.vitals = app.shared_ctx.vitals if is_shared else [0.0] * VITALS


def _store_repeatedly(app: App) -> None:
    """Store the numbers every `STORE_EVERY` seconds.

    Uses a timer, not a task, so that a graceful stop has nothing to cancel.
    """
    _store(app)
    asyncio.get_running_loop().call_later(STORE_EVERY, _store_repeatedly, app)


def _store(app: App) -> None:
    lag, pages, begin = app.ctx.loop_monitor.lag(), app.ctx.page_cache, _slot(app) * VITALS
    numbers = lag.p50, lag.p99, lag.worst, pages.size, pages.hits, pages.made
    app.ctx.vitals[begin : begin + VITALS] = [time.monotonic(), os.getpid(), *numbers]


def _rows(vitals: list[float]) -> Iterator[WorkerVitals]:
    for slot in range(len(vitals) // VITALS):
        stored_at, pid, *numbers = vitals[slot * VITALS : (slot + 1) * VITALS]
        if stored_at and time.monotonic() - stored_at < GONE_AFTER:
            yield WorkerVitals(_name(slot), int(pid), *numbers)


def _slot(app: App) -> int:
    return slot_of(app.m.name) if hasattr(app, "multiplexer") else 0


def _name(slot: int) -> str:
    return f"Sanic-Server-{slot - 1}-0" if slot else "alone"
