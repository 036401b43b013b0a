"""Is this worker alive, and could it serve? nginx keeps the answers private."""

import os

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json

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


def _worker(request: Request) -> str:
    is_one_of_many = hasattr(request.app, "multiplexer")
    return str(request.app.m.name) if is_one_of_many else "alone"
