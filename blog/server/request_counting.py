"""Counts the requests of a worker in the memory that all workers share."""

import os
from time import monotonic

from sanic import Request

from blog.request_metrics import AREAS, AS_FLOATS, SIZE, RequestMetrics, RequestTotals
from blog.server import App
from blog.server.heartbeat import slot_of


def attach(app: App) -> None:
    """Register the listener that creates this worker's counters."""
    app.before_server_start(_open)


async def _open(app: App) -> None:
    """Use this worker's part of the memory that the main process has created, or else our own.

    There is none under another server, in a single process, and for a worker that was added later.
    """
    part = _part(app)
    app.ctx.request_metrics = RequestMetrics(part)
    app.ctx.request_memory = app.ctx.request_metrics.cells if part is None else _shared_memory(app)


def _shared_memory(app: App) -> "memoryview[float] | None":
    if not hasattr(app.shared_ctx, "request_metrics"):
        return None
    return memoryview(app.shared_ctx.request_metrics).cast("B").cast(AS_FLOATS)


def _part(app: App) -> "memoryview[float] | None":
    memory = _shared_memory(app)
    if memory is None or not hasattr(app, "multiplexer"):
        return None
    begin = slot_of(app.m.name) * SIZE
    return memory[begin : begin + SIZE] if begin + SIZE <= len(memory) else None


def totals(app: App) -> RequestTotals:
    """Return the sums over all workers, or this worker's numbers if they share no memory."""
    return RequestTotals(app.ctx.request_memory)


def worker_label(app: App) -> dict[str, str]:
    """Return the label of counters that are not shared: the process ID; else nothing.

    Without it the counters of several processes, of which any may answer, would look like one that
    goes backwards.
    """
    is_shared = app.ctx.request_memory is not app.ctx.request_metrics.cells
    return {} if is_shared else {"worker": str(os.getpid())}


def count(request: Request) -> None:
    """Count a request once, when its response has been sent.

    Sanic handles an error either while it handles the request, or alone, or after both.
    """
    # A stream whose response has been sent is falsy.
    response = request.stream.response if request.stream is not None else None
    if response is None or getattr(request.ctx, "is_counted", False):
        return
    request.ctx.is_counted = True
    moment = monotonic()
    seconds = moment - getattr(request.ctx, "received_at", moment)
    metrics: RequestMetrics = request.app.ctx.request_metrics
    metrics.count(area_of(request), request.method, response.status, seconds)


def area_of(request: Request) -> str:
    """Return the blueprint of the request's route; the public pages if it has no route."""
    parts = request.route.name.split(".") if request.route else []
    return parts[1] if len(parts) > 1 and parts[1] in AREAS else AREAS[0]
