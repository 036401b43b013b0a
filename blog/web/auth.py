"""Signing in and out, the session cookie, and the access check of the dashboard and admin area."""

import hashlib
import hmac
import logging
from collections.abc import Callable
from functools import partial
from typing import ParamSpec

from sanic import Blueprint, HTTPResponse, Request
from sanic.exceptions import SanicException
from sanic_routing.route import Route

from blog import web
from blog.config import LANGUAGES, N_
from blog.db import Database, Work
from blog.models.audit.action import name_of
from blog.models.audit.session import Actor
from blog.models.base import Refusal, now
from blog.models.users import denied_access, device, login_throttle, password, signin, user
from blog.models.users.login_throttle import TooManyAttempts
from blog.models.users.signin import ABSOLUTE, SEEN_EVERY, NewSession, SignIn
from blog.models.users.user import User
from blog.web import cookies, errors, headers
from blog.web.cookies import BROWSER, SESSION
from blog.web.passwords import Passwords

P = ParamSpec("P")
log = logging.getLogger("blog.web.auth")


# --- signing in and out ---


async def sign_in(request: Request, login: str, password: str) -> NewSession:
    """Check a login (name or email) and password, and open a session.

    Raises `TooManyAttempts` if the throttle is reached. Raises the same `Refusal` for an unknown
    login, a wrong password and a disabled account, so that it does not reveal which accounts exist.
    """
    attempt = (login, headers.network(headers.client_ip(request)), browser_key(request))
    if not await web.transact(request, login_throttle.count_attempt, *attempt):
        log.warning("sign-in throttled for %r from %s", login[:100], attempt[1])
        _note_failed_sign_in(request, login, "throttled")
        raise TooManyAttempts
    person = await web.read(request, user.find_by_login, login)
    passwords: Passwords = request.app.ctx.passwords
    is_right = await passwords.check(person.password_hash if person else None, password[:1024])
    if not (is_right and person and person.can_sign_in):
        log.warning("sign-in failed for %r from %s", login[:100], attempt[1])
        _note_failed_sign_in(request, login, "wrong")
        raise Refusal(signin.WRONG)
    await web.transact(request, login_throttle.clear_attempts, *attempt)
    checked_hash = await _rehash_if_outdated(request, person, password)
    return await open_session(request, person.id, checked_hash)


async def _rehash_if_outdated(request: Request, person: User, password: str) -> str:
    """Replace a hash made with weaker parameters, now that the password is at hand.

    Returns the hash that is stored afterwards.
    """
    passwords: Passwords = request.app.ctx.passwords
    stored = str(person.password_hash)
    if not passwords.hasher.check_needs_rehash(stored):
        return stored
    hashed = await passwords.hash(password[:1024])
    database: Database = request.app.ctx.database
    actor = Actor(person, headers.client_ip(request))  # has no session yet
    await database.transact_as(actor, user.set_password, person.id, hashed, instead_of=stored)
    return hashed


def _note_failed_sign_in(request: Request, login: str, why: str) -> None:
    ip, by = headers.client_ip(request), request.ctx.user
    record = _record(request, denied_access.note_sign_in, login, why, by=by, ip=ip)
    web.run_in_background(request, record)


async def open_session(request: Request, user_id: int, proved: str | None = None) -> NewSession:
    """Open a session for this browser, and end the one whose token it sent.

    `proved` is the password hash that was just checked, if one was.
    """
    agent = str(request.headers.get("user-agent", ""))
    ip, old_token = headers.client_ip(request), session_token(request)
    key = browser_key(request)
    return await web.transact(
        request, signin.start_session, user_id, ip, agent, old_token, key, proved=proved
    )


async def sign_out(request: Request) -> None:
    """End the session of this browser, if it has one."""
    if token := session_token(request):
        await web.transact(request, signin.end_session, token)


def set_session_cookies(request: Request, response: HTTPResponse, entry: NewSession) -> None:
    """Set the session cookie, and the browser cookie, which stays after signing out."""
    cookies.set_cookie(request, response, SESSION, entry.token, seconds=ABSOLUTE.total_seconds())
    set_browser_cookie(request, response, entry.browser)


def set_browser_cookie(request: Request, response: HTTPResponse, key: str) -> None:
    """Set the signed cookie by which this browser is recognized at the next sign-in."""
    value, lifetime = f"{key}.{_browser_mac(request, key)}", device.LASTS.total_seconds()
    cookies.set_cookie(request, response, BROWSER, value, seconds=lifetime)


def session_token(request: Request) -> str:
    """Return the token in the session cookie, or ""."""
    return cookies.read(request, SESSION)


def browser_key(request: Request) -> str:
    """Return the key that identifies this browser, or "" if nobody has signed in from it yet."""
    key, _, mac = cookies.read(request, BROWSER).rpartition(".")
    return key if hmac.compare_digest(mac.encode(), _browser_mac(request, key).encode()) else ""


def _browser_mac(request: Request, key: str) -> str:
    return web.mac(request, "browser", key)[:32]


# --- the signed-in user ---


async def identify(request: Request) -> None:
    """Request middleware: set `ctx.user` and `ctx.signin` from the session cookie.

    Only a request with a session cookie costs a query.
    """
    token = session_token(request)
    session = await web.read(request, signin.find_by_token, token) if token else None
    if session is None:
        return
    request.ctx.user, request.ctx.signin = session
    if now() - request.ctx.signin.seen_at > SEEN_EVERY:
        record = _record(request, signin.mark_seen, request.ctx.signin.id)
        web.run_in_background(request, record)


async def _record(request: Request, work: Work[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Write something in the background, so that no response waits for the writer thread."""
    try:
        await web.transact(request, work, *args, **kwargs)
    except Exception as error:  # nothing awaits this task, so the error would be lost
        log.warning("%s was not noted: %s", name_of(work), error)


# --- access to the dashboard and the admin area ---


def require_role(bp: Blueprint, role: str) -> None:
    """Require at least `role` for every route of a blueprint.

    A section of it may require a higher role: `bp.ctx.sections` maps the first segment of a
    route's path below the blueprint's prefix to a role.
    """
    bp.ctx.role = role
    bp.ctx.sections = {}


async def check_access(request: Request) -> HTTPResponse | None:
    """Request middleware: check access to the areas that require a role.

    It is registered with the application and not with a blueprint, because sanic-ext adds the
    routes for HEAD and OPTIONS under names of their own, which a blueprint's middleware misses.
    """
    role = required_role(request.app, request.route)
    if role is None:
        return None
    request.ctx.private = True
    if request.ctx.user is None:
        return _ask_to_sign_in(request)
    if not request.ctx.user.has_role(role):
        log.warning("%s refused at %s", request.ctx.user.name, request.path)
        page, ip = f"{request.method} {request.path}", headers.client_ip(request)
        record = _record(request, denied_access.note_denied_page, page, by=request.ctx.user, ip=ip)
        web.run_in_background(request, record)
        raise AccessDenied
    if request.ctx.user.language in LANGUAGES:
        request.ctx.language = request.ctx.user.language
    return None


def required_role(app: web.App, route: Route | None) -> str | None:
    """Return the role that a route requires: the higher of its blueprint's and its section's.

    Returns None for a route of the public site. The role is read from the route, not from the
    request's path, which can be spelled in many ways. A route of an area with sections that
    belongs to none of them requires an admin.
    """
    if route is None:
        return None
    first, _, rest = route.path.strip("/").partition("/")
    area = next((bp for bp in app.blueprints.values() if _prefix(bp) == first), None)
    if area is None or not hasattr(area.ctx, "role"):
        return None
    if not area.ctx.sections:
        return str(area.ctx.role)
    section_role = area.ctx.sections.get(rest.partition("/")[0], user.ADMIN)
    return str(max(area.ctx.role, section_role, key=user.ROLES.index))


def _prefix(bp: Blueprint) -> str:
    """Return a blueprint's prefix without slashes; "/", which no route begins with, for none."""
    return (bp.url_prefix or "").strip("/") or "/"


class AccessDenied(errors.ExplainedError):
    """403: the signed-in user lacks the role that this page requires."""

    status_code = 403
    quiet = True
    title = N_("Access denied")
    sentence = N_("This page requires a different role. Ask an admin if you need access.")


def _ask_to_sign_in(request: Request) -> HTTPResponse:
    """Redirect to the sign-in page; a form is shown again (401), so that its text is not lost."""
    if request.method == "POST" and request.form:
        return web.render(request, "signed_out.html", 401, fields=errors.submitted_fields(request))
    if request.method not in ("GET", "HEAD"):
        raise SanicException(status_code=401, quiet=True)
    return web.redirect(request, "home.sign_in", next=request.path)


# --- the set-up link ---


def setup_key(installation: bytes) -> str:
    """Return the key of the set-up link, derived from the installation's secret.

    It works only until somebody has set up the blog.
    """
    return hmac.new(installation, b"set-up", hashlib.sha256).hexdigest()[:32]


def is_setup_key(request: Request, key: str) -> bool:
    """Return whether this is the key of the set-up link."""
    return hmac.compare_digest(key.encode(), setup_key(request.app.ctx.secret).encode())


# --- passwords ---


def password_rule(request: Request, *names: str | None) -> Callable[[str], None]:
    """Return a rule for a form field: it raises `Refusal` for a password that is easy to guess.

    Easy to guess are also the site's title and the user's `names` (name, display name, email).
    """
    about = [name for name in (request.ctx.site.title, *names) if name]
    return partial(user.check_password, about=about)


async def is_current_password(request: Request, password: str) -> bool:
    """Return whether this is the signed-in user's current password.

    Attempts count towards the same throttle as those to sign in. Raises `TooManyAttempts`.
    """
    person, network = request.ctx.user, headers.network(headers.client_ip(request))
    attempt = (person.name, network, browser_key(request))
    if not await web.transact(request, login_throttle.count_attempt, *attempt):
        raise TooManyAttempts
    if not await request.app.ctx.passwords.check(person.password_hash, password[:1024]):
        return False
    await web.transact(request, login_throttle.clear_attempts, *attempt)
    return True


async def change_password(request: Request, old: str, new: str) -> None:
    """Change the signed-in user's own password, and end their sessions in all other browsers.

    Raises `Refusal` if `old` is wrong or `new` is easy to guess, and `TooManyAttempts`.
    """
    person = request.ctx.user
    if not await is_current_password(request, old):
        raise Refusal(N_("The current password is incorrect."), "old")
    password_rule(request, person.name, person.display_name, person.email)(new)
    hashed = await request.app.ctx.passwords.hash(new)
    await web.transact(
        request,
        password.change_password,
        hashed,
        session_token(request),
        browser_key(request),
        by=person,
        ip=headers.client_ip(request),
    )


def is_current_session(row: SignIn, request: Request) -> bool:
    """Return whether a session in a list is the one that this request belongs to."""
    return bool(request.ctx.signin and row.id == request.ctx.signin.id)
