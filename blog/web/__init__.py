"""Manners that all rooms share: transactions, pages, redirects, flashes."""

import asyncio
import base64
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

from blog.models.settings.site import SiteFacts
from blog.models.users import signin
from blog.web import cookies, headers
from blog.web.cookies import FLASH
from blog.web.i18n import translate, wanted

T = TypeVar("T")
log = logging.getLogger("blog")
PLACE = re.compile(r"<(\w+)(?::[^>]*)?>")  # in the path of a route


# --- one transaction in one hop ---


async def read(request: Request, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`work(session, …)` in a reader's thread."""
    found: T = await request.app.ctx.database.read(work, *args, **kwargs)
    return found


async def transact(request: Request, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`work(session, …, by=whoever asks)` in the writer's thread, as one transaction.

    Raises `signin.Ended` where whoever asks has been shut out since they came through the door.
    """
    kwargs.setdefault("by", request.ctx.user)
    if request.ctx.signin and kwargs["by"] is request.ctx.user:
        work = signin.while_it_stands(work, request.ctx.signin.id, request.ctx.user.role)
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
    if cookies.read(request, FLASH):
        cookies.take(request, response, FLASH)
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
        "absolute": headers.site_address(request).__add__,
        **context,
    }
    return str(request.app.ctx.templates.get_template(template).render(everything))


def url(request: Request, name: str, **params: Any) -> str:
    """The path of a route, such as `home.search`; what has no place in it becomes a query.

    Sanic's own way takes 20 µs; where only numbers are filled in, the pattern is found once.
    """
    known: dict[str, str] = request.app.ctx.urls
    if name not in known:
        known[name] = _pattern(request.app, name)
    pattern = known[name]
    if pattern.count("{") == len(params) and all(isinstance(one, int) for one in params.values()):
        return pattern.format_map(params)
    return str(request.app.url_for(name, **params))


def _pattern(app: Sanic[Any, Any], name: str) -> str:
    """`home.comment` -> `/comments/{id}`. Raises `LookupError` for an unknown name."""
    route = app.router.find_route_by_view_name(name)
    if route is None:
        raise LookupError(name)
    return "/" + PLACE.sub(r"{\1}", route.path)


def absolute(request: Request, path: str) -> str:
    """A link for feeds and mail: always on the configured address, whatever Host says."""
    return headers.site_address(request) + path


def redirect(request: Request, name: str, **params: Any) -> HTTPResponse:
    """303 to a route; what `flash` said goes along."""
    return redirect_path(request, url(request, name, **params))


def redirect_path(request: Request, path: str, status: int = 303) -> HTTPResponse:
    response = redirect_to(path, status=status)
    if said := getattr(request.ctx, "said", None):
        cookies.give(request, response, FLASH, _signed(request, json.dumps(said)), seconds=60)
    return response


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
    if text := _unsigned(request, cookies.read(request, FLASH)):
        said = [str(sentence) for sentence in json.loads(text)] + said
    return said


def _signed(request: Request, text: str) -> str:
    body = base64.urlsafe_b64encode(text.encode()).decode()
    return f"{body}.{mac(request, FLASH, body)}"


def _unsigned(request: Request, text: str) -> str:
    body, _, written = text.rpartition(".")
    if not body or not hmac.compare_digest(written.encode(), mac(request, FLASH, body).encode()):
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


def refuse_nonsense(request: Request) -> None:
    """Request middleware: no row has a number that no database holds."""
    numbers = (value for value in request.match_info.values() if isinstance(value, int))
    if not all(0 <= number < 2**31 for number in numbers):
        raise NotHere


def refuse_strangers(request: Request) -> HTTPResponse | None:
    """Request middleware: an unsafe request comes from our own pages or not at all."""
    if headers.comes_from_us(request):
        return None
    log.warning(
        "%s %r rejected: the form was not sent from a page of this site",
        request.method,
        request.path[:200],
    )
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
