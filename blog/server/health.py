"""Is this worker alive, could it serve, how do all of them do? nginx keeps the answers private."""

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, Sanic
from sanic.response import json, text

from blog.models.settings import site
from blog.server.heartbeat import VITALS, slot_of

bp = Blueprint("health", url_prefix="/health")
METRICS = {
    "blog_loop_lag_p50_seconds": "gauge: event loop lag, median of the last five minutes",
    "blog_loop_lag_p99_seconds": "gauge: event loop lag, 99th percentile of the last five minutes",
    "blog_loop_lag_worst_seconds": "gauge: worst event loop lag since the start",
    "blog_pages_kept_bytes": "gauge: size of the page cache",
    "blog_pages_given_out_total": "counter: pages served from the cache",
    "blog_pages_made_total": "counter: pages rendered and put in the cache",
}
NOTE_EVERY = 5.0  # seconds
GONE = 20.0  # seconds after its last note


def attach(app: Sanic[Any, Any]) -> None:
    """Let each worker know the numbers of all, whichever of them is asked."""
    app.before_server_start(_open)
    app.after_server_start(_keep_noting)


@bp.get("/live")
async def live(request: Request) -> HTTPResponse:
    return json({"worker": _worker(request), "pid": os.getpid()})


@bp.get("/ready")
async def ready(request: Request) -> HTTPResponse:
    """A read and the writer's lock, without writing."""
    database = request.app.ctx.database
    await database.read(site.facts)
    await database.transact(site.facts)
    return json({"ready": True, "worker": _worker(request)})


@bp.get("/metrics")
async def metrics(request: Request) -> HTTPResponse:
    """Of every worker, as Prometheus reads them; under another server, of the one that answers."""
    _note(request.app)
    rows = list(_rows(request.app.ctx.vitals))
    lines = []
    for place, (name, told) in enumerate(METRICS.items()):
        kind, _, meaning = told.partition(": ")
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        for worker, pid, numbers in rows:
            lines.append(f'{name}{{worker="{worker}",pid="{pid}"}} {numbers[place]:g}')
    return text("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _worker(request: Request) -> str:
    return _name(_slot(request.app))


# --- what the workers share ---


async def _open(app: Sanic[Any, Any]) -> None:
    """Where no main process of ours has been, each process knows only itself."""
    is_shared = hasattr(app.shared_ctx, "vitals")
    app.ctx.vitals = app.shared_ctx.vitals if is_shared else [0.0] * VITALS


def _keep_noting(app: Sanic[Any, Any]) -> None:
    """A timer and no task, so that a graceful stop has nothing to cancel."""
    _note(app)
    asyncio.get_running_loop().call_later(NOTE_EVERY, _keep_noting, app)


def _note(app: Sanic[Any, Any]) -> None:
    lag, pages, begin = app.ctx.pulse.lag(), app.ctx.pages, _slot(app) * VITALS
    numbers = lag.p50, lag.p99, lag.worst, pages.size, pages.hits, pages.made
    app.ctx.vitals[begin : begin + VITALS] = [time.monotonic(), os.getpid(), *numbers]


def _rows(vitals: Any) -> Iterator[tuple[str, int, list[float]]]:
    """Name, process and numbers of each worker that is there."""
    for slot in range(len(vitals) // VITALS):
        noted_at, pid, *numbers = vitals[slot * VITALS : (slot + 1) * VITALS]
        if noted_at and time.monotonic() - noted_at < GONE:
            yield _name(slot), int(pid), numbers


def _slot(app: Sanic[Any, Any]) -> int:
    return slot_of(app.m.name) if hasattr(app, "multiplexer") else 0


def _name(slot: int) -> str:
    return f"Sanic-Server-{slot - 1}-0" if slot else "alone"
