"""Everybody who writes and keeps, as the office lists them, and what keepers do with them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from blog.models import device, invitation, reset, signin, user
from blog.models.post import Post, PostAuthor
from blog.models.user import ADMIN, User


@dataclass(frozen=True)
class Person:
    """Somebody in the list of people. `posts` counts what bears their name, trash left out."""

    id: int
    name: str
    display_name: str
    email: str
    role: str
    is_byline: bool
    disabled_at: datetime | None
    posts: int


def people(session: Session) -> tuple[Person, ...]:
    """Everybody: those who may sign in first, then bylines, then the disabled; by name."""
    found = [_person(row, posts or 0) for row, posts in session.execute(_people())]
    return tuple(sorted(found, key=lambda one: (one.disabled_at is not None, one.is_byline)))


def person(session: Session, id: int) -> Person:
    """Raises `LookupError`."""
    found = session.execute(_people().where(User.id == id)).first()
    if found is None:
        raise LookupError(id)
    return _person(found[0], found[1] or 0)


def bylines(session: Session) -> tuple[Person, ...]:
    """Names that posts bear and nobody signs in with, by name."""
    free = _people().where(User.password_hash.is_(None), User.disabled_at.is_(None))
    return tuple(_person(row, posts or 0) for row, posts in session.execute(free))


def _people() -> Select[*tuple[Any, ...]]:
    counted = (
        select(PostAuthor.user_id, func.count().label("posts"))
        .join(Post)
        .where(~Post.is_trashed())
        .group_by(PostAuthor.user_id)
        .subquery()
    )
    query = User.everyone().add_columns(counted.c.posts)
    return query.outerjoin(counted, counted.c.user_id == User.id)


def _person(row: User, posts: int) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        email=row.email or "",
        role=row.role,
        is_byline=row.password_hash is None,
        disabled_at=row.disabled_at,
        posts=posts,
    )


# --- what keepers do ---


def save_person(
    session: Session, id: int, *, display_name: str, email: str, role: str, by: User
) -> User:
    """What a keeper may change of anybody; a new role begins with a new sign-in."""
    before = session.get(User, id)
    if before is None:
        raise LookupError(id)
    changed = before.role != role
    found = user.set_role(session, id, role, by=by)
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


def disable_person(session: Session, id: int, *, by: User) -> User:
    """Shut somebody out, on every browser at once, with every link that is under way."""
    found = user.disable(session, id, by=by)
    signin.revoke_all(session, id)
    device.forget(session, id)
    reset.void(session, id)
    invitation.revoke_all(session, id)
    return found
