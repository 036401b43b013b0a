"""Queries behind the list of people in the admin area; editing or disabling a user as an admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Subquery, and_, func, select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Refusal
from blog.models.keyset import ListRow
from blog.models.listing import Listing, ListQueryRows, Order, QueryFilter, containing
from blog.models.posts.post import Post, PostAuthor
from blog.models.users import device, invitation, password_reset, signin, user
from blog.models.users.user import ADMIN, ROLES, User


@dataclass(frozen=True)
class ListedUser:
    """A user as the list shows it. `posts` is the number of their posts outside the trash."""

    id: int
    name: str
    display_name: str
    email: str
    role: str
    is_byline: bool
    disabled_at: datetime | None
    posts: int


def _query() -> ListQueryRows:
    counts = _post_counts()
    posts = func.coalesce(counts.c.posts, 0).label("posts")
    return select(User, posts).outerjoin(counts, counts.c.user_id == User.id)


def _post_counts() -> Subquery:
    """Count the posts of each author, without those in the trash."""
    return (
        select(PostAuthor.user_id, func.count().label("posts"))
        .join(Post)
        .where(~Post.is_trashed())
        .group_by(PostAuthor.user_id)
        .subquery("counted")
    )


def _make(session: Session, rows: Sequence[ListRow]) -> list[ListedUser]:
    return [_listed(row.User, row.posts) for row in rows]


def _listed(account: User, posts: int) -> ListedUser:
    return ListedUser(
        id=account.id,
        name=account.name,
        display_name=account.display_name,
        email=account.email or "",
        role=account.role,
        is_byline=account.password_hash is None,
        disabled_at=account.disabled_at,
        posts=posts,
    )


def _is_kind(kind: str) -> ColumnElement[bool]:
    """Return the condition of the filter "who": "active", "byline" or "disabled"."""
    if kind == "disabled":
        return User.disabled_at.is_not(None)
    is_byline = User.password_hash.is_(None) & User.disabled_at.is_(None)
    return is_byline if kind == "byline" else and_(User.can_sign_in)


people = Listing(
    query=_query,
    key=User.id,
    make=_make,
    orders={
        "display_name": Order(func.lower(User.display_name)),
        "name": Order(User.name),
    },
    sort="display_name",
    filters={
        "who": QueryFilter(_is_kind, ("active", "byline", "disabled")),
        "role": QueryFilter(lambda role: User.role == role, ROLES),
    },
    search=containing(User.display_name, User.name, func.coalesce(User.email, "")),
)


def get_user(session: Session, id: int) -> ListedUser:
    """Return one user as the list shows it. Raises `LookupError`."""
    rows = people.only(session, [id])
    if not rows:
        raise LookupError(id)
    return rows[0]


def bylines(session: Session) -> tuple[tuple[str, str], ...]:
    """Return the bylines as options of a form: ids and display names."""
    query = User.everyone().where(_is_kind("byline"))
    return tuple((str(row.id), row.display_name) for row in session.scalars(query))


# --- actions ---


@action("user.edit")
def save_person(
    session: Session, id: int, *, display_name: str, email: str, role: str, by: User
) -> User:
    """Change the name, email address and role of a user as an admin.

    A change of role ends the user's sessions, and revokes their invitations unless they are still
    an admin. Raises `LookupError`, and `Refusal` for an invalid value or one's own email address.
    """
    before = session.get(User, id)
    if before is None:
        raise LookupError(id)
    is_new_role = before.role != role
    changed = user.set_role(session, id, role, by=by)
    if id == by.id and email.strip().casefold() != (before.email or ""):
        raise Refusal(N_("Change your own email address in the dashboard."), "email")
    user.edit_profile(
        session,
        id,
        by=by,
        display_name=display_name,
        email=email,
        bio=changed.bio,
        language=changed.language,
    )
    if is_new_role and id != by.id:
        signin.revoke_all(session, id)
    if is_new_role and role != ADMIN:
        invitation.revoke_all(session, id)
    return changed


@action("user.revoke_access")
def disable_person(session: Session, id: int, *, by: User) -> User:
    """Disable an account, end its sessions and revoke its reset links and invitations.

    Raises `Refusal` for one's own account and for the last admin.
    """
    disabled = user.disable(session, id, by=by)
    if id == by.id:
        raise Refusal(N_("You cannot disable your own account."))
    signin.revoke_all(session, id)
    device.forget(session, id)
    password_reset.void(session, id)
    invitation.revoke_all(session, id)
    return disabled
