"""The /health routes: liveness, readiness, and Prometheus metrics of all workers.

nginx.conf keeps these routes private.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json, text

from blog.models.settings import site
from blog.server import App
from blog.server.heartbeat import VITALS, slot_of

bp = Blueprint("health", url_prefix="/health")
# Name -> type and help text, in the order in which a worker stores the numbers.
METRICS = {
    "blog_loop_lag_p50_seconds": "gauge: event loop lag, median of the last five minutes",
    "blog_loop_lag_p99_seconds": "gauge: event loop lag, 99th percentile of the last five minutes",
    "blog_loop_lag_worst_seconds": "gauge: worst event loop lag since the start",
    "blog_pages_kept_bytes": "gauge: size of the page cache",
    "blog_pages_given_out_total": "counter: pages served from the cache",
    "blog_pages_made_total": "counter: pages rendered and put in the cache",
}
STORE_EVERY = 5.0  # seconds
GONE_AFTER = 20.0  # seconds without new numbers until a worker is no longer listed


def attach(app: App) -> None:
    """Register the listeners that share each worker's numbers with all workers."""
    app.before_server_start(_open)
    app.after_server_start(_store_repeatedly)


@bp.get("/live")
async def live(request: Request) -> HTTPResponse:
    """Show that this worker's event loop runs; touches nothing else."""
    return json({"worker": _worker(request), "pid": os.getpid()})


@bp.get("/ready")
async def ready(request: Request) -> HTTPResponse:
    """Show that this worker can read the database and get the write lock; writes nothing."""
    database = request.app.ctx.database
    await database.read(site.facts)
    await database.transact(site.facts)
    return json({"ready": True, "worker": _worker(request)})


@bp.get("/metrics")
async def metrics(request: Request) -> HTTPResponse:
    """Report the numbers of every worker in Prometheus' text format.

    Under another server than Sanic's, only those of the worker that answers.
    """
    _store(request.app)
    rows = list(_rows(request.app.ctx.vitals))
    lines = []
    for index, (name, description) in enumerate(METRICS.items()):
        kind, _, help_text = description.partition(": ")
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]
        for worker, pid, numbers in rows:
            lines.append(f'{name}{{worker="{worker}",pid="{pid}"}} {numbers[index]:g}')
    return text("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _worker(request: Request) -> str:
    return _name(_slot(request.app))


# --- shared memory ---


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


def _rows(vitals: Sequence[float]) -> Iterator[tuple[str, int, Sequence[float]]]:
    """Yield the name, process ID and numbers of each running worker."""
    for slot in range(len(vitals) // VITALS):
        stored_at, pid, *numbers = vitals[slot * VITALS : (slot + 1) * VITALS]
        if stored_at and time.monotonic() - stored_at < GONE_AFTER:
            yield _name(slot), int(pid), numbers


def _slot(app: App) -> int:
    return slot_of(app.m.name) if hasattr(app, "multiplexer") else 0


def _name(slot: int) -> str:
    return f"Sanic-Server-{slot - 1}-0" if slot else "alone"
