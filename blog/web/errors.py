"""What went wrong, in a sentence and with a way on, for every status."""

import errno
import logging
import re

from sanic import HTTPResponse, Request
from sanic.exceptions import SanicException
from sqlalchemy.exc import OperationalError

from blog import web
from blog.config import N_
from blog.markup import TooMuch
from blog.models.base import Refusal
from blog.models.settings.site import SiteFacts
from blog.models.users.signin import Ended
from blog.web import debugger

log = logging.getLogger("blog")
SENTENCES = {
    400: N_("The server could not understand this request."),
    401: N_("Please sign in."),
    403: N_("This action is not allowed."),
    404: N_("There is nothing at this address."),
    405: N_("This address does not support this kind of request."),
    408: N_("The request timed out. Try again."),
    409: N_("Somebody else changed this in the meantime."),
    413: N_("The request is larger than the blog accepts."),
    422: N_("Some of what you sent is not valid. Correct it and try again."),
    429: N_("Too many attempts. Wait a few minutes and try again."),
    500: N_("Something went wrong on the server. The error has been logged."),
    503: N_("The blog is busy. Try again in a moment."),
    507: N_(
        "The server's disk is full, so nothing was saved. The site owner has to free some space."
    ),
}


class Explained(SanicException):
    """An error that says in its own words what it is."""

    title = ""
    sentence = ""


async def show_error(request: Request, error: Exception) -> HTTPResponse:
    """A sentence and a way on, for every status."""
    if isinstance(error, Ended):
        request.ctx.user = None
        return web.render(request, "signed_out.html", 401, fields=typed(request))
    status = status_of(error)
    if status >= 500:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
    if status == 500 and debugger.is_wanted(request):
        return debugger.page(error)
    if not hasattr(request.ctx, "site"):
        request.ctx.site, request.ctx.language = SiteFacts(), "en"
        request.ctx.user, request.ctx.private = None, False
    title, told = web.say(request, SENTENCES.get(status, SENTENCES[400])), ""
    if isinstance(error, (Refusal, TooMuch)):
        told = web.say(request, error.message, **error.params)
    elif isinstance(error, Explained):
        title, told = web.say(request, error.title), web.say(request, error.sentence)
    kept = typed(request) if status >= 500 and request.ctx.private else []
    response = web.render(
        request, "error.html", status, code=status, title=title, sentence=told, fields=kept
    )
    if status == 503:
        response.headers["retry-after"] = "5"
    if status >= 500:
        response.headers["cache-control"] = "no-store"
    return response


def typed(request: Request) -> list[tuple[str, str]]:
    """What a form sent, to be sent again; but no password."""
    secret = ("password", "old", "new", "again")
    return [
        (name, str(value))
        for name, values in (request.form or {}).items()
        if not name.startswith(secret)
        for value in values
    ]


def status_of(error: Exception) -> int:
    if isinstance(error, (Refusal, TooMuch)):
        return 422
    if _is_full(error):
        return 507
    if isinstance(error, OperationalError):
        return 503
    if isinstance(error, SanicException):
        return int(error.status_code)
    return 404 if isinstance(error, LookupError) and type(error) is LookupError else 500


def _is_full(error: Exception) -> bool:
    """Trying again helps nobody here, before the keeper has made room."""
    said = str(error.orig) if isinstance(error, OperationalError) else ""
    return getattr(error, "errno", 0) == errno.ENOSPC or bool(
        re.search("disk is full|No space left", said)
    )
