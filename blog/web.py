"""Manners that all rooms share: transactions, pages, redirects, flashes, errors."""

import asyncio
import base64
import errno
import hmac
import json
import logging
import re
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import SanicException
from sanic.response import html
from sanic.response import redirect as redirect_to
from sqlalchemy.exc import OperationalError

from blog import headers
from blog.config import N_
from blog.languages import translate, wanted
from blog.markup import TooMuch
from blog.models.base import Refusal
from blog.models.site import SiteFacts

T = TypeVar("T")
log = logging.getLogger("blog")
FLASH = "flash"
SENTENCES = {
    400: N_("This request could not be understood."),
    401: N_("Please sign in."),
    403: N_("This is not allowed from here."),
    404: N_("There is nothing at this address."),
    405: N_("This address does not work that way."),
    408: N_("The request took too long to arrive."),
    409: N_("Somebody else changed this in the meantime."),
    413: N_("This is more than the blog accepts at once."),
    422: N_("Something in what you sent needs another look."),
    429: N_("Too many tries. Wait a few minutes and try again."),
    500: N_("Something went wrong on our side. It has been noted."),
    503: N_("The blog is busy. Try again in a moment."),
    507: N_("The blog's disk is full: nothing was kept. Its keeper has to make room."),
}


# --- one transaction in one hop ---


async def read(request: Request, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`work(session, …)` in a reader's thread."""
    found: T = await request.app.ctx.database.read(work, *args, **kwargs)
    return found


async def transact(request: Request, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`work(session, …, by=whoever asks)` in the writer's thread, as one transaction."""
    kwargs.setdefault("by", request.ctx.user)
    done: T = await request.app.ctx.database.transact(
        work, *args, ip=headers.client_ip(request), **kwargs
    )
    return done


def beside(request: Request, errand: Coroutine[Any, Any, None]) -> None:
    """Do something that the answer does not wait for; a stopping worker waits for its end."""
    errands: set[asyncio.Task[None]] = request.app.ctx.errands
    task = asyncio.get_running_loop().create_task(errand)
    errands.add(task)
    task.add_done_callback(errands.discard)


async def get_or_404(request: Request, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`read`, where a `LookupError` means that there is no such page."""
    try:
        return await read(request, work, *args, **kwargs)
    except LookupError as error:
        raise NotHere from error


class NotHere(SanicException):
    """There is nothing at this address, or nothing that the visitor may see."""

    status_code = 404
    quiet = True


# --- pages ---


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTTPResponse:
    """A page of the room, whole, in the language of the request."""
    page = page_text(request, template, flashes=take_flashes(request), **context)
    response = html(page, status=status)
    if request.cookies.get(FLASH):
        response.add_cookie(FLASH, "", max_age=0, httponly=True, secure=is_secure(request))
    return response


def page_text(request: Request, template: str, **context: Any) -> str:
    """Any template as text; feeds and sitemaps too."""
    statics = request.app.ctx.statics
    everything = {
        "site": request.ctx.site,
        "user": request.ctx.user,
        "language": request.ctx.language,
        "path": request.path,
        "request": request,
        "flashes": [],
        "static": statics.url,
        "has_static": statics.names.__contains__,
        "url": partial(url, request),
        "absolute": partial(absolute, request),
        **context,
    }
    return str(request.app.ctx.templates.get_template(template).render(everything))


def url(request: Request, name: str, **params: Any) -> str:
    """The path of a route, such as `home.search`."""
    return str(request.app.url_for(name, **params))


def absolute(request: Request, path: str) -> str:
    """A link for feeds and mail: always on the configured address, whatever Host says."""
    return headers.site_address(request) + path


def redirect(request: Request, name: str, **params: Any) -> HTTPResponse:
    """303 to a route; what `flash` said goes along."""
    return redirect_path(request, url(request, name, **params))


def redirect_path(request: Request, path: str, status: int = 303) -> HTTPResponse:
    response = redirect_to(path, status=status)
    if said := getattr(request.ctx, "said", None):
        response.add_cookie(
            FLASH,
            _signed(request, json.dumps(said)),
            max_age=60,
            httponly=True,
            samesite="Lax",
            secure=is_secure(request),
        )
    return response


def is_secure(request: Request) -> bool:
    """Whether cookies of this site travel over TLS only."""
    return headers.is_https(headers.site_address(request))


def safe_path(text: str | None, default: str) -> str:
    """A path of ours to go on to, never another site's."""
    ours = bool(text) and text.startswith("/") and not text.startswith(("//", "/\\"))  # type: ignore[union-attr]  # bool(text)
    return str(text) if ours and str(text).isprintable() and "\\" not in str(text) else default


# --- what was said after an act ---


def flash(request: Request, message: str, **params: Any) -> None:
    """Say a sentence (marked with `N_`) on the next page."""
    said = translate(request.ctx.language, message, **params)
    request.ctx.said = [*getattr(request.ctx, "said", []), said]


def say(request: Request, message: str, **params: Any) -> str:
    return translate(request.ctx.language, message, **params)


def take_flashes(request: Request) -> list[str]:
    said = list(getattr(request.ctx, "said", []))
    if text := _unsigned(request, request.cookies.get(FLASH) or ""):
        said = [str(sentence) for sentence in json.loads(text)] + said
    return said


def _signed(request: Request, text: str) -> str:
    body = base64.urlsafe_b64encode(text.encode()).decode()
    return f"{body}.{mac(request, FLASH, body)}"


def _unsigned(request: Request, text: str) -> str:
    body, _, written = text.rpartition(".")
    if (
        not body
        or not text.isascii()
        or not hmac.compare_digest(written.encode(), mac(request, FLASH, body).encode())
    ):
        return ""
    return base64.urlsafe_b64decode(body).decode()


def mac(request: Request, purpose: str, text: str) -> str:
    """What only this installation can write beside `text`, and only for this purpose."""
    secret: bytes = request.app.ctx.secret
    return hmac.new(secret, f"{purpose}:{text}".encode(), "sha256").hexdigest()


# --- who asks ---


async def know_site(request: Request) -> None:
    """Request middleware: the site's settings and the language of its pages."""
    request.ctx.user, request.ctx.signin, request.ctx.private = None, None, False
    request.ctx.site, request.ctx.language = SiteFacts(), "en"
    follower = request.app.ctx.follower
    await follower.catch_up(by_asking="cookie" in request.headers)
    request.ctx.site = follower.site
    spoken = wanted(request.headers.get("accept-language", ""))
    # An empty blog has no language of its own yet.
    request.ctx.language = request.ctx.site.language if request.ctx.site.set_up else spoken


# --- errors ---


async def show_error(request: Request, error: Exception) -> HTTPResponse:
    """A sentence and a way on, for every status."""
    status = status_of(error)
    if status >= 500:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
    if not hasattr(request.ctx, "site"):
        request.ctx.site, request.ctx.language = SiteFacts(), "en"
        request.ctx.user, request.ctx.private = None, False
    told = ""
    if isinstance(error, (Refusal, TooMuch)):
        told = say(request, error.message, **error.params)
    title = say(request, SENTENCES.get(status, SENTENCES[400]))
    kept = typed(request) if status >= 500 and request.ctx.private else []
    response = render(
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


def refuse_nonsense(request: Request) -> None:
    """Request middleware: no row has a number that no database holds."""
    numbers = (value for value in request.match_info.values() if isinstance(value, int))
    if not all(0 <= number < 2**31 for number in numbers):
        raise NotHere


def refuse_strangers(request: Request) -> HTTPResponse | None:
    """Request middleware: an unsafe request comes from our own pages or not at all."""
    if headers.comes_from_us(request):
        return None
    log.warning("%s %r refused: no page of ours has sent it", request.method, request.path[:200])
    raise Forbidden


class Forbidden(SanicException):
    """The request came from a page that is not ours."""

    status_code = 403
    quiet = True


def attach(app: Sanic[Any, Any]) -> None:
    """Hang the manners onto the application."""
    app.register_middleware(know_site, "request", priority=100)
    app.register_middleware(refuse_nonsense, "request", priority=95)
    app.register_middleware(refuse_strangers, "request", priority=90)
    app.register_middleware(headers.protect, "response")  # type: ignore[arg-type]  # None is fine
    app.error_handler.add(Exception, show_error)
