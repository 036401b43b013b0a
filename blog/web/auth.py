"""Sign-in and sign-out, which browser it is, who is asking, and the locks on the private rooms."""

import hashlib
import hmac
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, Sanic
from sanic.exceptions import SanicException
from sanic_routing.route import Route

from blog import web
from blog.config import LANGUAGES, N_
from blog.models.audit.action import name_of
from blog.models.base import Refusal, now
from blog.models.users import denied_access, device, login_throttle, password, signin, user
from blog.models.users.signin import ABSOLUTE, SEEN_EVERY, NewSession, SignIn
from blog.models.users.user import User
from blog.web import cookies, errors, headers
from blog.web.cookies import BROWSER, SESSION
from blog.web.passwords import Passwords

log = logging.getLogger("blog.web.auth")


# --- signing in and out ---


async def sign_in(request: Request, login: str, password: str) -> NewSession:
    """A new sign-in. Raises `Refusal`, alike for every way of being wrong."""
    who = (login, headers.network(headers.client_ip(request)), browser_key(request))
    if not await web.transact(request, login_throttle.claim, *who):
        log.warning("sign-in throttled for %r from %s", login[:100], who[1])
        web.beside(request, _note(request, denied_access.note_sign_in, login, "throttled"))
        raise TooManyTries(errors.SENTENCES[429])
    person = await web.read(request, user.with_login, login)
    passwords: Passwords = request.app.ctx.passwords
    right = await passwords.check(person.password_hash if person else None, password[:1024])
    if not (right and person and person.can_sign_in):
        log.warning("sign-in failed for %r from %s", login[:100], who[1])
        web.beside(request, _note(request, denied_access.note_sign_in, login, "wrong"))
        raise Refusal(signin.WRONG)
    await web.transact(request, login_throttle.forgive, *who)
    proved = await _strengthen(request, person, password)
    return await open_session(request, person.id, proved)


async def _strengthen(request: Request, person: User, password: str) -> str:
    """A hash from the days when less was asked is made anew, now that the password is known."""
    passwords: Passwords = request.app.ctx.passwords
    before = str(person.password_hash)
    if not passwords.hasher.check_needs_rehash(before):
        return before
    hashed = await passwords.hash(password[:1024])
    given = {"by": person, "instead_of": before}
    await web.transact(request, user.set_password, person.id, hashed, **given)
    return hashed


class TooManyTries(Refusal):
    """Shown with status 429."""


async def open_session(request: Request, user_id: int, proved: str | None = None) -> NewSession:
    """A new token for this browser; whichever it showed until now is worth nothing any more."""
    agent = str(request.headers.get("user-agent", ""))
    ip, before = headers.client_ip(request), session_token(request)
    known = before, browser_key(request)
    return await web.transact(request, signin.enter, user_id, ip, agent, *known, proved=proved)


async def sign_out(request: Request) -> None:
    if token := session_token(request):
        await web.transact(request, signin.close, token)


def give_cookie(request: Request, response: HTTPResponse, entry: NewSession) -> None:
    """The session's, and the browser's own, which stays when somebody signs out."""
    cookies.give(request, response, SESSION, entry.token, seconds=ABSOLUTE.total_seconds())
    know_again(request, response, entry.browser)


def know_again(request: Request, response: HTTPResponse, key: str) -> None:
    """Let this browser show that it was here before."""
    value, lasts = f"{key}.{_mac(request, key)}", device.LASTS.total_seconds()
    cookies.give(request, response, BROWSER, value, seconds=lasts)


def session_token(request: Request) -> str:
    return cookies.read(request, SESSION)


def browser_key(request: Request) -> str:
    """What tells this browser from others; empty for one in which nobody has signed in yet."""
    key, _, mac = cookies.read(request, BROWSER).rpartition(".")
    return key if hmac.compare_digest(mac.encode(), _mac(request, key).encode()) else ""


def _mac(request: Request, key: str) -> str:
    return web.mac(request, "browser", key)[:32]


# --- who is asking ---


async def identify(request: Request) -> None:
    """Request middleware: only who sends a session cookie costs a look into the database."""
    token = session_token(request)
    found = await web.read(request, signin.who, token) if token else None
    if found is None:
        return
    request.ctx.user, request.ctx.signin = found
    if now() - request.ctx.signin.seen_at > SEEN_EVERY:
        web.beside(request, _note(request, signin.seen, request.ctx.signin.id))


async def _note(request: Request, work: Callable[..., None], *args: Any) -> None:
    """Beside the request: whoever reads, or is refused, waits for no writer."""
    try:
        await web.transact(request, work, *args)
    except Exception as error:  # nobody waits for it
        log.warning("%s was not noted: %s", name_of(work), error)


def lock(bp: Blueprint, role: str) -> None:
    """Nobody below `role` gets into any page of the room; the role hangs on the room itself."""
    bp.ctx.role = role
    bp.ctx.sections = {}


async def guard(request: Request) -> HTTPResponse | None:
    """Request middleware: ask at the door of a private room.

    It hangs on the application, for HEAD and OPTIONS are routes that sanic-ext adds under names of
    their own, and a room's own middleware would never see them.
    """
    role = role_asked(request.app, request.route)
    if role is None:
        return None
    request.ctx.private = True
    if request.ctx.user is None:
        return _to_sign_in(request)
    if not request.ctx.user.has_role(role):
        log.warning("%s refused at %s", request.ctx.user.name, request.path)
        web.beside(
            request,
            _note(request, denied_access.note_denied_page, f"{request.method} {request.path}"),
        )
        raise NotAllowed
    if request.ctx.user.language in LANGUAGES:
        request.ctx.language = request.ctx.user.language
    return None


def role_asked(app: Sanic[Any, Any], route: Route | None) -> str | None:
    """The role that a route asks: its room's, or its section's where that asks more.

    Read from the route and not from the address, which has many spellings. A room's second
    segment names the section; what belongs to none is for admins.
    """
    if route is None:
        return None
    first, _, rest = route.path.strip("/").partition("/")
    room = next((bp for bp in app.blueprints.values() if _prefix(bp) == first), None)
    if room is None or not hasattr(room.ctx, "role"):
        return None
    if not room.ctx.sections:
        return str(room.ctx.role)
    asked = room.ctx.sections.get(rest.partition("/")[0], user.ADMIN)
    return str(max(room.ctx.role, asked, key=user.ROLES.index))


def _prefix(bp: Blueprint) -> str:
    return (bp.url_prefix or "").strip("/") or "/"


class NotAllowed(errors.Explained):
    """Signed in, but not allowed here."""

    status_code = 403
    quiet = True
    title = N_("Access denied")
    sentence = N_("This page requires a different role. Ask an admin if you need access.")


def _to_sign_in(request: Request) -> HTTPResponse:
    if request.method == "POST" and request.form:
        return web.render(request, "signed_out.html", 401, fields=errors.typed(request))
    if request.method not in ("GET", "HEAD"):
        raise SanicException(status_code=401, quiet=True)
    return web.redirect(request, "home.sign_in", next=request.path)


# --- the set-up link ----------------------------------------------------------


def setup_key(installation: bytes) -> str:
    """The key of the one-time link; it works only until somebody has set the blog up."""
    return hmac.new(installation, b"set-up", hashlib.sha256).hexdigest()[:32]


def is_setup_key(request: Request, key: str) -> bool:
    return hmac.compare_digest(key.encode(), setup_key(request.app.ctx.secret).encode())


def password_of(request: Request, *names: str | None) -> Callable[[str], None]:
    """For a form: refuses a password that is too easy for somebody of these names, on this site."""
    about = [name for name in (request.ctx.site.title, *names) if name]
    return partial(user.check_password, about=about)


async def knows_password(request: Request, password: str) -> bool:
    """Whether this is the password of who is signed in; tries count like those to sign in."""
    person, network = request.ctx.user, headers.network(headers.client_ip(request))
    who = (person.name, network, browser_key(request))
    if not await web.transact(request, login_throttle.claim, *who):
        raise TooManyTries(errors.SENTENCES[429])
    if not await request.app.ctx.passwords.check(person.password_hash, password[:1024]):
        return False
    await web.transact(request, login_throttle.forgive, *who)
    return True


async def change_password(request: Request, old: str, new: str) -> None:
    """One's own; every other signed-in browser is signed out."""
    person = request.ctx.user
    if not await knows_password(request, old):
        raise Refusal(N_("The current password is incorrect."), "old")
    password_of(request, person.name, person.display_name, person.email)(new)
    hashed = await request.app.ctx.passwords.hash(new)
    mine = (session_token(request), browser_key(request))
    await web.transact(request, password.change_password, hashed, *mine)


def is_known(row: SignIn, request: Request) -> bool:
    """Whether a sign-in in a list is the browser that is looking at it."""
    return bool(request.ctx.signin and row.id == request.ctx.signin.id)
