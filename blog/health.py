"""Is this worker alive, could it serve, and how does it do? nginx keeps the answers private."""

import os

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json, text

from blog.models import site

bp = Blueprint("health", url_prefix="/health")


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
    """Of the worker that answers, as Prometheus reads them."""
    lag, pages = request.app.ctx.pulse.lag(), request.app.ctx.pages
    numbers = {
        "blog_loop_lag_p50_seconds": lag.p50,
        "blog_loop_lag_p99_seconds": lag.p99,
        "blog_loop_lag_worst_seconds": lag.worst,
        "blog_pages_kept_bytes": pages.size,
        "blog_pages_given_out_total": pages.hits,
        "blog_pages_made_total": pages.made,
    }
    worker = f'{{worker="{_worker(request)}",pid="{os.getpid()}"}}'
    return text("".join(f"{name}{worker} {value:g}\n" for name, value in numbers.items()))


def _worker(request: Request) -> str:
    is_one_of_many = hasattr(request.app, "multiplexer")
    return str(request.app.m.name) if is_one_of_many else "alone"
