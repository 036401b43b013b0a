"""The list of redirects: former addresses of posts, and redirects that site owners add."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from blog.config import N_
from blog.models.addresses import address
from blog.models.addresses.address import LONGEST, Address, href, is_reserved, key_of
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.listing import Listing, Order, QueryFilter, containing
from blog.models.posts.post import Post
from blog.models.settings import site
from blog.models.settings.site import is_target
from blog.models.users.user import User

KINDS = ("own", "post")
MAX_HOPS = 20
Current = aliased(Address, name="own")  # the address of the post


@dataclass(frozen=True)
class ListedRedirect:
    """A redirect from `path` to `to`. `is_own`: added by a site owner, not left by a post."""

    id: int
    path: str
    to: str
    is_own: bool
    title: str
    language: str
    created_at: datetime


def _is_redirect() -> ColumnElement[bool]:
    of_post = and_(Address.post_id.is_not(None), Current.id.is_not(None), Current.id != Address.id)
    return and_(Address.live_since.is_not(None), or_(Address.target != "", of_post))


def _rows() -> Select[*tuple[Any, ...]]:
    columns = (Address.id, Address.path, Address.target, Address.created_at, Address.post_id)
    return (
        select(*columns, Current.path.label("own"), Post.title, Post.language)
        .outerjoin(Post, Post.id == Address.post_id)
        .outerjoin(Current, Current.id == Post.address_id)
        .where(_is_redirect())
    )


def _make(session: Session, rows: Sequence[Row[Any]]) -> tuple[ListedRedirect, ...]:
    return tuple(
        ListedRedirect(
            id=row.id,
            path=row.path,
            to=href(row.own) if row.post_id else row.target,
            is_own=row.post_id is None,
            title=row.title or "",
            language=row.language or "",
            created_at=row.created_at,
        )
        for row in rows
    )


def _of_kind(kind: str) -> ColumnElement[bool]:
    return Address.post_id.is_(None) if kind == "own" else Address.post_id.is_not(None)


redirects = Listing(
    query=_rows,
    key=Address.id,
    make=_make,
    orders={
        "path": Order(Address.path),
        "created_at": Order(Address.created_at, descending=True),
    },
    sort="path",
    filters={"kind": QueryFilter(_of_kind, KINDS)},
    search=containing(Address.path, Address.target, Current.path),
)


@action("redirect.add")
def add(session: Session, *, path: str, to: str, by: User | None) -> Address:
    """Add a redirect, live at once. `by` is None for an import. Raises `Refusal`."""
    origin = site.facts(session).address
    path, to = _path(_relative(origin, path)), _relative(origin, to.strip())
    if not is_target(to) or not to.isprintable() or " " in to:
        raise Refusal(N_("Enter an address of this blog, or one that starts with https://."), "to")
    existing = address.find(session, path)
    if existing:
        raise _taken(session, existing)
    _refuse_loop(session, path, to)
    row = Address(path=path, key=key_of(path), target=to, live_since=now())
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:  # another transaction took it at the same moment
        existing = address.find(session, path)
        if existing:
            raise _taken(session, existing) from error
        raise
    return row


@action("redirect.remove")
def remove(session: Session, id: int, *, by: User) -> None:
    """Remove a redirect that a site owner added.

    Raises `LookupError`, and `Refusal` for a former address of a post.
    """
    row = session.get(Address, id)
    if row is None:
        raise LookupError(id)
    if row.post_id is not None:
        raise Refusal(N_("This redirect belongs to a post and is deleted with it."))
    session.delete(row)


def _relative(origin: str, typed: str) -> str:
    """Strip the origin from an absolute URL of this site."""
    is_ours = origin and (typed == origin or typed.startswith(f"{origin}/"))
    return (typed[len(origin) :] or "/") if is_ours else typed


def _path(typed: str) -> str:
    """Return a typed path as the table stores it. Raises `Refusal` if invalid or reserved."""
    path = address.decode(typed if typed.startswith("/") else f"/{typed}")
    is_invalid = path is None or "//" in path or "?" in path or "#" in path or ":" in path[:9]
    if path is None or is_invalid or len(path) > LONGEST:
        raise Refusal(N_("This cannot be used as an address of the blog."), "path")
    if is_reserved(path):
        message = N_("The address %(path)s is reserved for the blog itself.")
        raise Refusal(message, "path", path=path)
    return path


def _taken(session: Session, existing: Address) -> Refusal:
    """Return the error for a path that is in use already."""
    if existing.post_id is None:
        message = N_("%(path)s already redirects to %(to)s. Remove that redirect first.")
        return Refusal(message, "path", path=existing.path, to=existing.target)
    title = session.scalar(select(Post.title).where(Post.id == existing.post_id))
    message = N_("%(path)s belongs to the post “%(title)s”.")
    return Refusal(message, "path", path=existing.path, title=title)


def _refuse_loop(session: Session, path: str, to: str) -> None:
    """Follow the target as a browser would. Raises `Refusal` if it leads back to `path`."""
    for _ in range(MAX_HOPS):
        if not to.startswith("/"):
            return
        decoded = address.decode(to.partition("?")[0].partition("#")[0])
        if decoded is None:
            raise Refusal(N_("This cannot be used as an address of the blog."), "to")
        if key_of(decoded) == key_of(path):
            raise Refusal(N_("This would create a redirect loop."), "to")
        next_hop = address.find(session, decoded)
        if next_hop is None or not next_hop.target:
            return
        to = next_hop.target
    raise Refusal(N_("This would create a redirect loop."), "to")
