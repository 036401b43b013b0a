"""Error pages: which status an exception gets, and what its page says."""

import errno
import logging
import re

from sanic import HTTPResponse, Request
from sanic.exceptions import SanicException
from sqlalchemy.exc import OperationalError

from blog import web
from blog.config import N_
from blog.models.base import Refusal
from blog.models.comments.spam import TooMany
from blog.models.posts.editing import Conflict
from blog.models.settings.site import SiteFacts
from blog.models.users.login_throttle import TooManyAttempts
from blog.models.users.signin import SessionEnded
from blog.sandbox import SandboxBusy, UploadTooLarge
from blog.web import debugger

log = logging.getLogger("blog")
MESSAGES = {
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


# The status of each kind of `Refusal` that does not get 422.
REFUSAL_STATUSES: dict[type[Refusal], int] = {
    Conflict: 409,
    UploadTooLarge: 413,
    TooMany: 429,
    TooManyAttempts: 429,
    SandboxBusy: 503,
}


class ExplainedError(SanicException):
    """Base of the exceptions with a title and a message of their own (marked with `N_`)."""

    title = ""
    sentence = ""


async def show_error(request: Request, error: Exception) -> HTTPResponse:
    """Error handler: answer any exception with an error page.

    A form that failed for a reason other than its content is shown again on that page, so that
    it can be submitted once more.
    """
    if isinstance(error, SessionEnded):
        request.ctx.user = None
        return web.render(request, "signed_out.html", 401, fields=submitted_fields(request))
    status = status_of(error)
    if status >= 500:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
    if status == 500 and debugger.is_wanted(request):
        return debugger.page(error)
    if not hasattr(request.ctx, "site"):  # the error was raised before `web.load_site` ran
        request.ctx.site, request.ctx.language = SiteFacts(), "en"
        request.ctx.user, request.ctx.private = None, False
    title, message = _explain(request, error, status)
    fields = submitted_fields(request) if status >= 500 and request.ctx.private else []
    response = web.render(
        request, "error.html", status, code=status, title=title, sentence=message, fields=fields
    )
    if status == 503:
        response.headers["retry-after"] = "5"
    if status >= 500:
        response.headers["cache-control"] = "no-store"
    return response


def _explain(request: Request, error: Exception, status: int) -> tuple[str, str]:
    """Return the translated title and message of an error page; the message may be empty."""
    if isinstance(error, ExplainedError):
        return web.translate_for(request, error.title), web.translate_for(request, error.sentence)
    title, message = web.translate_for(request, MESSAGES.get(status, MESSAGES[400])), ""
    if isinstance(error, Refusal):
        message = web.translate_for(request, error.message, **error.params)
    return title, message


def submitted_fields(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a submitted form, without passwords, so that it can be sent again."""
    secret = ("password", "old", "new", "again")
    return [
        (name, str(value))
        for name, values in (request.form or {}).items()
        if not name.startswith(secret)
        for value in values
    ]


def status_of(error: Exception) -> int:
    """Return the HTTP status of an exception.

    `LookupError` itself is a 404; its subclasses `KeyError` and `IndexError` are bugs.
    """
    if isinstance(error, Refusal):
        kinds = REFUSAL_STATUSES.items()
        return next((status for kind, status in kinds if isinstance(error, kind)), 422)
    if _is_disk_full(error):
        return 507
    if isinstance(error, OperationalError):
        return 503
    if isinstance(error, SanicException):
        return int(error.status_code)
    return 404 if isinstance(error, LookupError) and type(error) is LookupError else 500


def _is_disk_full(error: Exception) -> bool:
    """Return whether the disk is full: then trying again is no use until space is freed."""
    message = str(error.orig) if isinstance(error, OperationalError) else ""
    return getattr(error, "errno", 0) == errno.ENOSPC or bool(
        re.search("disk is full|No space left", message)
    )
