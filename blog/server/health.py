"""The /health routes: liveness, readiness, and Prometheus metrics of all workers.

nginx.conf keeps the first two private. The metrics are for this machine, and for clients with the
token of the setting `metrics_token`.
"""

import asyncio
import hmac
import logging
import os
from functools import partial

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json, raw, text
from sqlalchemy.exc import SQLAlchemyError

from blog.backup import storage
from blog.config import Config
from blog.loopback import is_local_name, is_loopback
from blog.models.base import now
from blog.models.jobs import outbox
from blog.models.jobs.outbox import OutstandingMail
from blog.models.settings import site
from blog.server import App, exposition, request_counting, vitals

bp = Blueprint("health", url_prefix="/health")
PATIENCE = 2.0  # seconds to wait for the database, which may be out of reach
# Headers that proxies add, besides those that begin with X-Forwarded.
FORWARDING_HEADERS = {
    "cf-connecting-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-real-ip",
}
log = logging.getLogger("blog")


def attach(app: App) -> None:
    """Register the listeners that count requests and share each worker's numbers."""
    request_counting.attach(app)
    vitals.attach(app)


@bp.get("/live", ctx_without_site=True)
async def live(request: Request) -> HTTPResponse:
    """Show that this worker's event loop runs; touches nothing else."""
    return json({"worker": vitals.worker_name(request.app), "pid": os.getpid()})


@bp.get("/ready")
async def ready(request: Request) -> HTTPResponse:
    """Show that this worker can read the database and get the write lock; writes nothing."""
    database = request.app.ctx.database
    await database.read(site.facts)
    await database.transact(site.facts)
    return json({"ready": True, "worker": vitals.worker_name(request.app)})


@bp.get("/metrics", ctx_without_site=True)
async def metrics(request: Request) -> HTTPResponse:
    """Report the numbers of every worker in Prometheus' text format, with or without a database.

    Under another server than Sanic's, only those of the worker that answers.
    """
    request.ctx.private = True
    if not (is_from_this_machine(request) or _has_token(request)):
        return _ask_for_token(request)
    app = request.app
    mail, workers = await _outstanding_mail(app), vitals.read(app)
    facts = partial(
        exposition.Facts,
        own=request_counting.worker_label(app),
        workers=workers,
        processes=_processes(app, workers),
        mail=mail,
    )
    body = await asyncio.to_thread(_write, app, facts)
    return raw(body, content_type=exposition.CONTENT_TYPE)


def _write(app: App, facts: "partial[exposition.Facts]") -> bytes:
    """Write the metrics, in a thread, because this reads the disk and /proc."""
    requests = request_counting.totals(app)
    return exposition.write(facts(requests=requests, backup_age=_backup_age(app.ctx.config)))


def _processes(app: App, workers: list[vitals.WorkerVitals]) -> dict[str, int]:
    """Return the process ID of each worker, and of the main process if it is ours."""
    processes = {worker.name: worker.pid for worker in workers}
    return {"main": os.getppid(), **processes} if hasattr(app.shared_ctx, "vitals") else processes


async def _outstanding_mail(app: App) -> OutstandingMail | None:
    """Return how much mail is outstanding, or None if the database cannot be read."""
    try:
        reading = app.ctx.database.read(outbox.outstanding)
        return await asyncio.wait_for(reading, PATIENCE)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        log.warning("The metrics do without the database: %s", error)
        return None


def _backup_age(config: Config) -> float | None:
    """Return the age of the last backup in seconds, never negative; None without a backup."""
    moment = storage.last_backup(config).moment
    return max(0.0, (now() - moment).total_seconds()) if moment else None


# --- who may read the metrics ---


def is_from_this_machine(request: Request) -> bool:
    """Return whether a program on this machine has sent the request, and no proxy passed it on.

    A visitor's request that comes through a proxy on this machine arrives from a loopback address,
    too. It has a forwarding header, or at least the public host name.
    """
    names = {name.lower() for name in request.headers}
    is_forwarded = bool(names & FORWARDING_HEADERS) or any(
        name.startswith("x-forwarded") for name in names
    )
    host = request.headers.get("host", "").lower()
    name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return is_loopback(request.ip or "") and not is_forwarded and is_local_name(name)


def _has_token(request: Request) -> bool:
    """Return whether the request has the token; compared in constant time."""
    token: str = request.app.ctx.config.metrics_token
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    sent_bytes = sent.strip().encode(errors="surrogateescape")
    is_right = hmac.compare_digest(sent_bytes, token.encode())
    return bool(token) and scheme.lower() == "bearer" and is_right


def _ask_for_token(request: Request) -> HTTPResponse:
    """Return the answer to a request without the token, or with a wrong one (RFC 6750)."""
    is_wrong = "authorization" in request.headers
    challenge = 'Bearer realm="metrics"' + (', error="invalid_token"' if is_wrong else "")
    headers = {"www-authenticate": challenge}
    return text(
        "This needs the token BLOG_METRICS_TOKEN.\n这里需要令牌BLOG_METRICS_TOKEN。\n", 401, headers
    )
