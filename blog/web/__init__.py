"""Helpers that all views share: transactions, rendering, URLs, redirects and flash messages."""

import asyncio
import base64
import hmac
import json
import logging
import re
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ParamSpec, TypeVar

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import SanicException
from sanic.response import html
from sanic.response import redirect as redirect_to

from blog.db import Database, Work
from blog.models.audit.session import Actor
from blog.models.settings.site import SiteFacts
from blog.models.users.signin import SignIn
from blog.web import cookies, headers
from blog.web.cookies import FLASH
from blog.web.i18n import preferred_language, translate

P = ParamSpec("P")
T = TypeVar("T")
App = Sanic[Any, Any]  # the class itself is `blog.app.Blog`, which imports this package
log = logging.getLogger("blog")
PATH_PARAMETER = re.compile(r"<(\w+)(?::[^>]*)?>")  # in the path of a route


# --- transactions ---


async def read(request: Request, work: Callable[..., T], *args: object, **kwargs: object) -> T:
    """Run `work(session, *args, **kwargs)` in a reader thread and return its result."""
    result: T = await request.app.ctx.database.read(work, *args, **kwargs)
    return result


async def transact(request: Request, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work(session, *args, **kwargs)` in the writer thread, as one transaction.

    The audit log attributes it to the signed-in user. Raises `signin.SessionEnded` if that user's
    session was ended, or their role changed, after this request passed the access check.
    """
    database: Database = request.app.ctx.database
    return await database.transact_as(actor(request), work, *args, **kwargs)


def actor(request: Request) -> Actor:
    """Return who sent a request: the signed-in user, if any, with their session and address."""
    signin: SignIn | None = request.ctx.signin
    return Actor(request.ctx.user, headers.client_ip(request), signin.id if signin else None)


def run_in_background(request: Request, work: Coroutine[object, object, None]) -> None:
    """Run a coroutine without delaying the response; a stopping worker waits until it has ended."""
    tasks: set[asyncio.Task[None]] = request.app.ctx.background_tasks
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def get_or_404(
    request: Request, work: Callable[..., T], *args: object, **kwargs: object
) -> T:
    """Like `read`, but raise `PageNotFound` (404) if `work` raises a `LookupError`."""
    try:
        return await read(request, work, *args, **kwargs)
    except LookupError as error:
        raise PageNotFound from error


class PageNotFound(SanicException):
    """404: there is nothing at this address, or nothing that this visitor may see."""

    status_code = 404
    quiet = True


# --- pages ---


def render(request: Request, template: str, status: int = 200, **context: object) -> HTTPResponse:
    """Render a template as an HTML response, together with any pending flash messages."""
    page = render_to_string(request, template, flashes=pop_flashes(request), **context)
    response = html(page, status=status)
    if cookies.read(request, FLASH):
        cookies.delete_cookie(request, response, FLASH)
    return response


def render_to_string(request: Request, template: str, **context: object) -> str:
    """Render any template (HTML, feed, sitemap) to a string, with the variables all of them use."""
    statics = request.app.ctx.statics
    variables = {
        "site": request.ctx.site,
        "user": request.ctx.user,
        "language": request.ctx.language,
        "path": request.path,
        "request": request,
        "flashes": [],
        "static": statics.url,
        "has_static": statics.names.__contains__,
        "url": partial(url, request),
        "absolute": headers.site_address(request).__add__,
        **context,
    }
    return str(request.app.ctx.templates.get_template(template).render(variables))


def url(request: Request, name: str, **params: object) -> str:
    """Return the path of a route such as `home.search`.

    Parameters that do not occur in the route's path become the query string. Sanic's `url_for`
    takes 20 µs, so a route whose parameters are all integers is filled in from a cached pattern.
    Raises `LookupError` for an unknown route.
    """
    patterns: dict[str, str] = request.app.ctx.urls
    if name not in patterns:
        patterns[name] = _path_pattern(request.app, name)
    pattern, values = patterns[name], params.values()
    if pattern.count("{") == len(params) and all(isinstance(value, int) for value in values):
        return pattern.format_map(params)
    return str(request.app.url_for(name, **params))


def _path_pattern(app: App, name: str) -> str:
    """Return the path of a route as a format string: `home.comment` -> `/comments/{id}`."""
    route = app.router.find_route_by_view_name(name)
    if route is None:
        raise LookupError(name)
    return "/" + PATH_PARAMETER.sub(r"{\1}", route.path)


def absolute_url(request: Request, path: str) -> str:
    """Return the absolute URL of a path, on the configured address whatever Host says."""
    return headers.site_address(request) + path


def redirect(request: Request, name: str, **params: object) -> HTTPResponse:
    """Redirect (303) to a route; pending flash messages are shown there."""
    return redirect_path(request, url(request, name, **params))


def redirect_path(request: Request, path: str, status: int = 303) -> HTTPResponse:
    """Redirect to a path of this site; pending flash messages travel along in a signed cookie."""
    response = redirect_to(path, status=status)
    if messages := getattr(request.ctx, "flashes", None):
        signed = _sign(request, json.dumps(messages))
        cookies.set_cookie(request, response, FLASH, signed, seconds=60)
    return response


def safe_path(text: str | None, default: str) -> str:
    """Return `text` if it is a path on this site, else `default`: no open redirects."""
    if not text or not text.startswith("/") or text.startswith("//"):
        return default
    return text if text.isprintable() and "\\" not in text else default


# --- flash messages ---


def flash(request: Request, message: str, **params: object) -> None:
    """Show a message (marked with `N_`) on the next page that this visitor sees."""
    translated = translate(request.ctx.language, message, **params)
    request.ctx.flashes = [*getattr(request.ctx, "flashes", []), translated]


def translate_for(request: Request, message: str, **params: object) -> str:
    """Translate a message (marked with `N_`) into the language of the request."""
    return translate(request.ctx.language, message, **params)


def pop_flashes(request: Request) -> list[str]:
    """Return the messages flashed before a redirect, then those flashed by this request."""
    messages = list(getattr(request.ctx, "flashes", []))
    if text := _unsign(request, cookies.read(request, FLASH)):
        messages = [str(message) for message in json.loads(text)] + messages
    return messages


def _sign(request: Request, text: str) -> str:
    """Return `text` in base64, a dot, and its MAC."""
    body = base64.urlsafe_b64encode(text.encode()).decode()
    return f"{body}.{mac(request, FLASH, body)}"


def _unsign(request: Request, signed: str) -> str:
    """Return the text that `_sign` was given, or "" if the MAC is wrong."""
    body, _, sent_mac = signed.rpartition(".")
    if not body or not hmac.compare_digest(sent_mac.encode(), mac(request, FLASH, body).encode()):
        return ""
    return base64.urlsafe_b64decode(body).decode()


def mac(request: Request, purpose: str, text: str) -> str:
    """Return the HMAC-SHA256 (hex) of `text` with this installation's secret, for one purpose."""
    secret: bytes = request.app.ctx.secret
    return hmac.new(secret, f"{purpose}:{text}".encode(), "sha256").hexdigest()


# --- request middleware ---


async def load_site(request: Request) -> None:
    """Request middleware: load the site's settings and set the language of its pages.

    Also resets the user, who is identified by later middleware. A route that must work without the
    database declares `ctx_without_site=True`.
    """
    request.ctx.user, request.ctx.signin, request.ctx.private = None, None, False
    request.ctx.site, request.ctx.language = SiteFacts(), "en"
    if request.route and getattr(request.route.ctx, "without_site", False):
        return
    invalidator = request.app.ctx.invalidator
    await invalidator.catch_up(by_asking="cookie" in request.headers)
    request.ctx.site = invalidator.site
    preferred = preferred_language(request.headers.get("accept-language", ""))
    # A blog that is not set up yet has no language of its own.
    request.ctx.language = request.ctx.site.language if request.ctx.site.set_up else preferred


def reject_impossible_ids(request: Request) -> None:
    """Request middleware: answer 404 to a number that no integer column can hold."""
    numbers = (value for value in request.match_info.values() if isinstance(value, int))
    if not all(0 <= number < 2**31 for number in numbers):
        raise PageNotFound


def reject_cross_site_requests(request: Request) -> HTTPResponse | None:
    """Request middleware: answer 403 to an unsafe request that was not sent by our own pages."""
    if headers.is_same_site(request):
        return None
    log.warning(
        "%s %r rejected: the form was not sent from a page of this site",
        request.method,
        request.path[:200],
    )
    raise Forbidden


class Forbidden(SanicException):
    """403: the request came from a page of another site."""

    status_code = 403
    quiet = True


def attach(app: App) -> None:
    """Register the middleware of this package with the application."""
    app.register_middleware(load_site, "request", priority=100)
    app.register_middleware(reject_impossible_ids, "request", priority=95)
    app.register_middleware(reject_cross_site_requests, "request", priority=90)
    app.register_middleware(headers.protect, "response")  # type: ignore[arg-type]  # None is fine
