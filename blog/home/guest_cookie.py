"""How a guest who comments is recognized: a signed time in the form, and one cookie afterwards."""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sanic import HTTPResponse, Request

from blog import web
from blog.models.base import now
from blog.models.comments import submission
from blog.models.comments.comment import Reader
from blog.models.users.user import EDITOR
from blog.web import cookies
from blog.web.cookies import WAITING

EARLIEST, LATEST = timedelta(seconds=3), timedelta(days=1)
LIFETIME = timedelta(days=30)
KEY = re.compile(r"[A-Za-z0-9_-]{32}\Z")


# --- the signed time in the form ---


@dataclass(frozen=True)
class Proof:
    """Proves that a guest was shown a preview, and when.

    `at` is a Unix time in seconds; `key` becomes the key of the guest's cookie. The network address
    is left out, because a phone may change its network between the preview and the submission.
    """

    at: int
    key: str

    @property
    def age(self) -> timedelta:
        """The time since the preview was shown."""
        return timedelta(seconds=int(now().timestamp()) - self.at)

    @property
    def is_early(self) -> bool:
        """Whether the comment was sent faster than a person reads a preview."""
        return self.age < EARLIEST

    @property
    def is_late(self) -> bool:
        """Whether the preview is too old to be accepted."""
        return self.age > LATEST


def new_proof(request: Request) -> Proof:
    """Return a proof of this moment, with the key of the guest's cookie or a new one."""
    return Proof(int(now().timestamp()), key_of(request) or secrets.token_urlsafe(24))


def sign(request: Request, proof: Proof, post_id: int) -> str:
    """Return the proof as text for a hidden field, signed for this post."""
    text = f"{proof.at}.{proof.key}"
    return f"{text}.{_mac(request, text, post_id)}"


def read_proof(request: Request, signed: str, post_id: int) -> Proof | None:
    """Return the proof in a submitted form; None if the blog did not sign it for this post."""
    text, _, mac = signed.rpartition(".")
    if not text or not hmac.compare_digest(mac.encode(), _mac(request, text, post_id).encode()):
        return None
    at, _, key = text.partition(".")
    return Proof(int(at), key)


def _mac(request: Request, text: str, post_id: int) -> str:
    return web.mac(request, f"comment:{post_id}", text)


# --- the cookie ---


def key_of(request: Request) -> str:
    """Return the key in the guest's cookie; "" if there is none or it is malformed."""
    key = cookies.read(request, WAITING)
    return key if KEY.match(key) else ""


def give_cookie(request: Request, response: HTTPResponse, key: str) -> None:
    """Set the guest's cookie. Only sending a comment does so."""
    cookies.set_cookie(request, response, WAITING, key, seconds=LIFETIME.total_seconds())


def reader(request: Request) -> Reader:
    """Return who is reading, which decides whose pending comments a page shows."""
    user = request.ctx.user
    return Reader(
        waiting_hash=submission.waiting_hash(key_of(request)),
        user_id=user.id if user else None,
        is_editor=bool(user and user.has_role(EDITOR)),
        settings=request.ctx.site.settings,
    )
