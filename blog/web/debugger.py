"""What went wrong, with every line and every value, for whoever works on the blog.

Only `sanic blog.app --dev` shows it, and only on the machine where it was typed.
"""

import traceback

from sanic import HTTPResponse, Request
from sanic.response import text

from blog.loopback import is_loopback


def is_wanted(request: Request) -> bool:
    """`--dev` is debugging and reloading, which no start of a served blog asks for; and somebody
    sits right here, with no proxy between."""
    is_dev = request.app.debug and request.app.auto_reload
    return is_dev and is_loopback(request.ip) and "x-forwarded-for" not in request.headers


def page(error: Exception) -> HTTPResponse:
    """Plain text: values come from anywhere, and nothing in them is a tag here."""
    story = traceback.TracebackException.from_exception(error, capture_locals=True)
    return text("".join(story.format()), status=500, headers={"cache-control": "no-store"})
