"""What a guest shows us to be known again: a signed time in a form, a key in one cookie."""

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

SOONEST, LATEST = timedelta(seconds=3), timedelta(days=1)
KEPT = timedelta(days=30)
KEY = re.compile(r"[A-Za-z0-9_-]{32}\Z")


# --- the signed time ---


@dataclass(frozen=True)
class Proof:
    """Says that its bearer was shown a preview, and when. `key` becomes that of their cookie.

    Nothing of the network is in it: between two presses a telephone may change it.
    """

    at: int
    key: str

    @property
    def age(self) -> timedelta:
        return timedelta(seconds=int(now().timestamp()) - self.at)

    @property
    def is_early(self) -> bool:
        return self.age < SOONEST

    @property
    def is_late(self) -> bool:
        return self.age > LATEST


def new_proof(request: Request) -> Proof:
    return Proof(int(now().timestamp()), key_of(request) or secrets.token_urlsafe(24))


def sign(request: Request, proof: Proof, post_id: int) -> str:
    text = f"{proof.at}.{proof.key}"
    return f"{text}.{_mac(request, text, post_id)}"


def read_proof(request: Request, signed: str, post_id: int) -> Proof | None:
    """The proof in a form, if it is ours and of this post."""
    text, _, mac = signed.rpartition(".")
    if not text or not hmac.compare_digest(mac.encode(), _mac(request, text, post_id).encode()):
        return None
    at, _, key = text.partition(".")
    return Proof(int(at), key)


def _mac(request: Request, text: str, post_id: int) -> str:
    return web.mac(request, f"comment:{post_id}", text)


# --- the cookie ---


def key_of(request: Request) -> str:
    """The key in the cookie."""
    key = cookies.read(request, WAITING)
    return key if KEY.match(key) else ""


def give_cookie(request: Request, response: HTTPResponse, key: str) -> None:
    """Set by commenting and by nothing else."""
    cookies.give(request, response, WAITING, key, seconds=KEPT.total_seconds())


def reader(request: Request) -> Reader:
    """Who looks at a page: what waits is shown to whoever wrote it."""
    person = request.ctx.user
    return Reader(
        waiting_hash=submission.waiting_hash(key_of(request)),
        user_id=person.id if person else None,
        is_editor=bool(person and person.has_role(EDITOR)),
        settings=request.ctx.site.settings,
    )
