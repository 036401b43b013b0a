"""Everybody who writes and keeps, as the office lists them, and what keepers do with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Refusal
from blog.models.listing import Listing, Order, QueryFilter, containing
from blog.models.posts.post import Post, PostAuthor
from blog.models.users import device, invitation, password_reset, signin, user
from blog.models.users.user import ADMIN, ROLES, User


@dataclass(frozen=True)
class ListedUser:
    """Somebody in the list of people. `posts` counts what bears their name, trash left out."""

    id: int
    name: str
    display_name: str
    email: str
    role: str
    is_byline: bool
    disabled_at: datetime | None
    posts: int


def _rows() -> Select[Any]:
    counted = _counted()
    posts = func.coalesce(counted.c.posts, 0).label("posts")
    return select(User, posts).outerjoin(counted, counted.c.user_id == User.id)


def _counted() -> Any:
    return (
        select(PostAuthor.user_id, func.count().label("posts"))
        .join(Post)
        .where(~Post.is_trashed())
        .group_by(PostAuthor.user_id)
        .subquery("counted")
    )


def _made(session: Session, rows: Sequence[Row[Any]]) -> list[ListedUser]:
    return [_person(row.User, row.posts) for row in rows]


def _person(row: User, posts: int) -> ListedUser:
    return ListedUser(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        email=row.email or "",
        role=row.role,
        is_byline=row.password_hash is None,
        disabled_at=row.disabled_at,
        posts=posts,
    )


def _who(which: str) -> ColumnElement[bool]:
    """Who may come in, names without anybody behind them, who was shut out."""
    if which == "disabled":
        return User.disabled_at.is_not(None)
    is_byline = User.password_hash.is_(None) & User.disabled_at.is_(None)
    return is_byline if which == "byline" else and_(User.can_sign_in)


people = Listing(
    query=_rows,
    key=User.id,
    make=_made,
    orders={
        "display_name": Order(func.lower(User.display_name)),
        "name": Order(User.name),
    },
    sort="display_name",
    filters={
        "who": QueryFilter(_who, ("active", "byline", "disabled")),
        "role": QueryFilter(lambda role: User.role == role, ROLES),
    },
    search=containing(User.display_name, User.name, func.coalesce(User.email, "")),
)


def person(session: Session, id: int) -> ListedUser:
    """Raises `LookupError`."""
    found = people.only(session, [id])
    if not found:
        raise LookupError(id)
    return found[0]


def bylines(session: Session) -> tuple[tuple[str, str], ...]:
    """Names that posts bear and nobody signs in with: id and name, as a form offers them."""
    free = User.everyone().where(_who("byline"))
    return tuple((str(row.id), row.display_name) for row in session.scalars(free))


# --- what keepers do ---


@action("user.edit")
def save_person(
    session: Session, id: int, *, display_name: str, email: str, role: str, by: User
) -> User:
    """What a keeper may change of anybody; a new role begins with a new sign-in."""
    before = session.get(User, id)
    if before is None:
        raise LookupError(id)
    changed = before.role != role
    found = user.set_role(session, id, role, by=by)
    if id == by.id and email.strip().casefold() != (before.email or ""):
        raise Refusal(N_("Change your own email address in the dashboard."), "email")
    user.describe(
        session,
        id,
        by=by,
        display_name=display_name,
        email=email,
        bio=found.bio,
        language=found.language,
    )
    if changed and id != by.id:
        signin.revoke_all(session, id)
    if changed and role != ADMIN:
        invitation.revoke_all(session, id)
    return found


@action("user.revoke_access")
def disable_person(session: Session, id: int, *, by: User) -> User:
    """Shut somebody out, on every browser at once, with every link that is under way."""
    found = user.disable(session, id, by=by)
    if id == by.id:
        raise Refusal(N_("You cannot disable your own account."))
    signin.revoke_all(session, id)
    device.forget(session, id)
    password_reset.void(session, id)
    invitation.revoke_all(session, id)
    return found
