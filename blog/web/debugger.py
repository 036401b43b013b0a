"""Tracebacks with local variables, shown by `sanic blog.app --dev` on the developer's machine."""

import traceback

from sanic import HTTPResponse, Request
from sanic.response import text

from blog.loopback import is_loopback


def is_wanted(request: Request) -> bool:
    """Return whether to show a traceback: only under `--dev`, and only to this very machine.

    `--dev` turns on both debugging and automatic reloading, which no production start does. A
    request with X-Forwarded-For came through a proxy, so its sender may be anywhere.
    """
    is_dev = request.app.debug and request.app.auto_reload
    return is_dev and is_loopback(request.ip) and "x-forwarded-for" not in request.headers


def page(error: Exception) -> HTTPResponse:
    """Return the traceback as plain text, since the values in it may contain markup."""
    details = traceback.TracebackException.from_exception(error, capture_locals=True)
    return text("".join(details.format()), status=500, headers={"cache-control": "no-store"})
