"""Passwords, sign-in and sign-out, who is asking, and the locks on the private rooms."""

import asyncio
import hashlib
import hmac
import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sanic import Blueprint, HTTPResponse, Request, Sanic
from sanic.exceptions import SanicException
from sanic_routing.route import Route

from blog import headers, web
from blog.config import LANGUAGES, N_
from blog.headers import is_https, site_address
from blog.models import attempt, signin, user
from blog.models.base import Refusal, now
from blog.models.signin import ABSOLUTE, SEEN_EVERY, SignIn
from blog.models.user import User

log = logging.getLogger("blog.auth")
WAITING_AT_MOST = 32


class TooBusy(SanicException):
    """More people are signing in than there is memory to check at once."""

    status_code = 503
    quiet = True


class Passwords:
    """argon2id off the loop, two at a time: each takes 64 MiB and releases the GIL."""

    def __init__(self) -> None:
        self.hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
        self.threads = ThreadPoolExecutor(2, thread_name_prefix="password")
        self.waiting = 0
        self.nobody = ""

    async def hash(self, password: str) -> str:
        return str(await self._off_loop(self.hasher.hash, password))

    async def check(self, stored: str | None, password: str) -> bool:
        """As slow for somebody who does not exist as for somebody who does."""
        if not self.nobody:
            self.nobody = await self.hash(secrets.token_hex())
        right = await self._off_loop(self._verify, stored or self.nobody, password)
        return bool(right) and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self.hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _off_loop(self, work: Any, *args: Any) -> Any:
        if self.waiting >= WAITING_AT_MOST:
            raise TooBusy
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, work, *args)
        finally:
            self.waiting -= 1

    def close(self) -> None:
        self.threads.shutdown()


# --- signing in and out ---


async def sign_in(request: Request, login: str, password: str) -> str:
    """The token of a new sign-in. Raises `Refusal`, alike for every way of being wrong."""
    network = headers.network(headers.client_ip(request))
    if not await web.transact(request, attempt.claim, login, network):
        log.warning("sign-in throttled for %r from %s", login[:100], network)
        raise TooManyTries(web.SENTENCES[429])
    person = await web.read(request, user.with_login, login)
    passwords: Passwords = request.app.ctx.passwords
    right = await passwords.check(person.password_hash if person else None, password[:1024])
    if not (right and person and person.can_sign_in):
        log.warning("sign-in failed for %r from %s", login[:100], network)
        raise Refusal(N_("The name and the password do not belong together."))
    await web.transact(request, attempt.forgive, login, network)
    await _strengthen(request, person, password)
    return await open_session(request, person.id)


async def _strengthen(request: Request, person: User, password: str) -> None:
    """A hash from the days when less was asked is made anew, now that the password is known."""
    passwords: Passwords = request.app.ctx.passwords
    if passwords.hasher.check_needs_rehash(str(person.password_hash)):
        hashed = await passwords.hash(password[:1024])
        await web.transact(request, user.set_password, person.id, hashed, by=person)


class TooManyTries(Refusal):
    """Shown with status 429."""


async def open_session(request: Request, user_id: int) -> str:
    """A new token for this browser; whichever it showed until now is worth nothing any more."""
    agent = str(request.headers.get("user-agent", ""))
    ip, before = headers.client_ip(request), session_token(request)
    return await web.transact(request, signin.open_, user_id, ip, agent, before)


async def sign_out(request: Request) -> None:
    if token := session_token(request):
        await web.transact(request, signin.close, token)


def give_cookie(request: Request, response: HTTPResponse, token: str) -> None:
    """`__Host-` where there is TLS, so that no sibling host can set it."""
    secure = web.is_secure(request)
    response.add_cookie(
        cookie_name(request),
        token,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=secure,
        max_age=int(ABSOLUTE.total_seconds()),
    )


def take_cookie(request: Request, response: HTTPResponse) -> None:
    """Sign-out: the browser forgets it at once."""
    name, secure = cookie_name(request), web.is_secure(request)
    response.add_cookie(name, "", path="/", httponly=True, samesite="Lax", secure=secure, max_age=0)


def cookie_name(request: Request) -> str:
    return "__Host-session" if is_https(site_address(request)) else "session"


def session_token(request: Request) -> str:
    """Read past Sanic's own lookup, which would take `__Secure-__Host-session` for ours too."""
    values = dict.get(request.cookies, cookie_name(request)) or []
    return values[0] if len(values) == 1 else ""


# --- who is asking ---


async def identify(request: Request) -> None:
    """Request middleware: only who sends a session cookie costs a look into the database."""
    token = session_token(request)
    found = await web.read(request, signin.who, token) if token else None
    if found is None:
        return
    request.ctx.user, request.ctx.signin = found
    if now() - request.ctx.signin.seen_at > SEEN_EVERY:
        web.beside(request, _note_seen(request, request.ctx.signin.id))


async def _note_seen(request: Request, id: int) -> None:
    """Beside the request: whoever reads waits for no writer."""
    try:
        await web.transact(request, signin.seen, id)
    except Exception as error:  # nobody waits for it; the next request tries again
        log.warning("A sign-in was not marked as used: %s", error)


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


class NotAllowed(SanicException):
    """Signed in, but not allowed here."""

    status_code = 403
    quiet = True


def _to_sign_in(request: Request) -> HTTPResponse:
    if request.method == "POST" and request.form:
        return web.render(request, "signed_out.html", 401, fields=web.typed(request))
    if request.method not in ("GET", "HEAD"):
        raise SanicException(status_code=401, quiet=True)
    return web.redirect(request, "home.sign_in", next=request.path)


# --- the set-up link ----------------------------------------------------------


def setup_key(installation: bytes) -> str:
    """The key of the one-time link; it works only until somebody has set the blog up."""
    return hmac.new(installation, b"set-up", hashlib.sha256).hexdigest()[:32]


def is_setup_key(request: Request, key: str) -> bool:
    return hmac.compare_digest(key.encode(), setup_key(request.app.ctx.secret).encode())


async def knows_password(request: Request, password: str) -> bool:
    """Whether this is the password of who is signed in; tries count like those to sign in."""
    person, network = request.ctx.user, headers.network(headers.client_ip(request))
    if not await web.transact(request, attempt.claim, person.name, network):
        raise TooManyTries(web.SENTENCES[429])
    if not await request.app.ctx.passwords.check(person.password_hash, password[:1024]):
        return False
    await web.transact(request, attempt.forgive, person.name, network)
    return True


async def change_password(request: Request, old: str, new: str) -> None:
    """One's own; every other signed-in browser is signed out."""
    person = request.ctx.user
    if not await knows_password(request, old):
        raise Refusal(N_("This is not your present password."), "old")
    user.check_password(new, about=person)
    hashed = await request.app.ctx.passwords.hash(new)
    await web.transact(request, signin.change_password, hashed, session_token(request))


def is_known(row: SignIn, request: Request) -> bool:
    """Whether a sign-in in a list is the browser that is looking at it."""
    return bool(request.ctx.signin and row.id == request.ctx.signin.id)
