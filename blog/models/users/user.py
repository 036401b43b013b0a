"""Users: accounts and bylines, their roles, profiles and password rules."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Self

from sqlalchemy import ColumnElement, Select, String, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.config import LANGUAGES, N_
from blog.markup import slugify
from blog.models.audit.action import action
from blog.models.base import Base, ColumnValues, Refusal, now
from blog.models.users.common_passwords import is_too_easy

AUTHOR, EDITOR, ADMIN = "author", "editor", "admin"
ROLES = (AUTHOR, EDITOR, ADMIN)
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
LONGEST_PASSWORD = 1024
SHORTEST_PASSWORD = 10


class User(Base):
    """A user. One without a password hash is a byline, which an invitation can hand over."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    bio: Mapped[str] = mapped_column(String(2000), default="")
    role: Mapped[str] = mapped_column(String(10), default=AUTHOR)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(10), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    disabled_at: Mapped[datetime | None]

    audit_secret = frozenset({"password_hash"})

    @classmethod
    def change_tags(cls, session: Session, values: ColumnValues, changed: set[str]) -> set[str]:
        """Return the tags of this user and of lists of users."""
        return {f"user:{values['id']}", "users"}

    @hybrid_property
    def can_sign_in(self) -> bool:
        """Whether the user has a password and is not disabled; also usable in queries."""
        return self.password_hash is not None and self.disabled_at is None

    @can_sign_in.inplace.expression
    @classmethod
    def _can_sign_in(cls) -> ColumnElement[bool]:
        return cls.password_hash.is_not(None) & cls.disabled_at.is_(None)

    def has_role(self, role: str) -> bool:
        """Return whether the user has at least this role: author, editor or admin."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @classmethod
    def by_login(cls, login: str) -> Select[Self]:
        """Select the user with this name or email address."""
        login = login.strip().casefold()
        return select(cls).where((cls.name == login) | (cls.email == login))

    @classmethod
    def everyone(cls) -> Select[Self]:
        """Select all users, ordered by display name."""
        return select(cls).order_by(func.lower(cls.display_name), cls.id)


def find_by_login(session: Session, login: str) -> User | None:
    """Return the user with this name or email address."""
    return session.scalar(User.by_login(login))


def name_of(session: Session, id: int) -> str:
    """Return the login name of a user."""
    return session.get_one(User, id).name


def free_name(session: Session, wanted: str) -> str:
    """Return an unused login name made from `wanted`, which is also part of /authors/<name>."""
    stem = slugify(wanted)[:56].strip("-") or "author"
    taken = set(session.scalars(select(User.name).where(User.name.startswith(stem))))
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name


@action("user.create")
def create_user(
    session: Session,
    *,
    name: str,
    display_name: str,
    email: str,
    role: str,
    password_hash: str | None,
    language: str = "",
) -> User:
    """Create a user; without `password_hash` it is a byline. Raises `Refusal`."""
    user = User(role=role, password_hash=password_hash)
    _set_profile(
        session, user, name=name, display_name=display_name, email=email, language=language
    )
    if role not in ROLES:
        raise Refusal(N_("Choose one of the roles."), "role")
    _insert(session, user)
    return user


def _insert(session: Session, user: User) -> None:
    """Insert a user. Raises `Refusal` if a concurrent request has taken the name or address."""
    try:
        with session.begin_nested():
            session.add(user)
            session.flush()
    except IntegrityError as error:
        raise Refusal(N_("This name or email address is already in use."), "name") from error


@action("user.edit_profile")
def edit_profile(
    session: Session,
    id: int,
    *,
    by: User,
    display_name: str,
    email: str,
    bio: str = "",
    language: str = "",
    name: str | None = None,
) -> User:
    """Change a profile. Raises `LookupError` unless it is one's own or `by` is an admin.

    Raises `Refusal` for an invalid value.
    """
    user = session.get(User, id)
    if user is None or (by.id != id and not by.has_role(ADMIN)):
        raise LookupError(id)
    _set_profile(
        session,
        user,
        name=name or user.name,
        display_name=display_name,
        email=email,
        language=language,
    )
    user.bio = bio.strip()[:2000]
    return user


def _set_profile(
    session: Session, user: User, *, name: str, display_name: str, email: str, language: str
) -> None:
    """Validate and set the fields. Raises `Refusal` for the first invalid one."""
    name, email = name.strip().casefold(), email.strip().casefold()
    display_name = " ".join(display_name.split())
    check_name(name)
    if not display_name:
        raise Refusal(N_("Enter the name to show."), "display_name")
    check_email(email)
    _refuse_taken(session, user, name, email)
    user.name, user.display_name, user.email = name, display_name[:200], email or None
    user.language = language if language in LANGUAGES else ""


def check_name(name: str) -> None:
    """Raise `Refusal` for an invalid login name."""
    if not NAME.match(name.strip().casefold()):
        raise Refusal(N_("A name can contain only lowercase letters, digits and hyphens."), "name")


def check_email(email: str) -> None:
    """Raise `Refusal` for an invalid email address; an empty one is valid."""
    if email.strip() and not re.fullmatch(r"[^@\s]+@[^@\s]+", email.strip()):
        raise Refusal(N_("This is not a valid email address."), "email")


def _refuse_taken(session: Session, user: User, name: str, email: str) -> None:
    others = select(User.id).where(User.id != (user.id or 0))
    with session.no_autoflush:
        if session.scalar(others.where(User.name == name)):
            raise Refusal(N_("This name is already in use."), "name")
        if email and session.scalar(others.where(User.email == email)):
            raise Refusal(N_("This email address is already in use."), "email")


@action("user.set_role")
def set_role(session: Session, id: int, role: str, *, by: User) -> User:
    """Change the role of a user. Raises `Refusal` for the last admin."""
    if role not in ROLES:
        raise Refusal(N_("Choose one of the roles."), "role")
    if role != ADMIN:
        _refuse_losing_last_admin(session, id)
    user = lock(session, id)
    user.role = role
    return user


@action("user.disable")
def disable(session: Session, id: int, *, by: User) -> User:
    """Disable an account, whose sessions end, because every request checks `can_sign_in`.

    Raises `Refusal` for the last admin.
    """
    _refuse_losing_last_admin(session, id)
    user = lock(session, id)
    user.disabled_at = user.disabled_at or now()
    return user


@action("user.enable")
def enable(session: Session, id: int, *, by: User) -> User:
    """Enable a disabled account."""
    user = lock(session, id)
    user.disabled_at = None
    return user


@action("user.set_password")
def set_password(
    session: Session,
    id: int,
    password_hash: str,
    *,
    instead_of: str | None = None,
) -> User:
    """Set the password hash; with `instead_of`, only if that is still the current hash.

    This is for rehashing a password at sign-in, which must not overwrite a newer password.
    """
    user = lock(session, id)
    if instead_of in (None, user.password_hash):
        user.password_hash = password_hash
    return user


def lock(session: Session, id: int) -> User:
    """Return the current row of a user, locked until the transaction ends.

    Raises `LookupError`.
    """
    user = session.get(User, id, with_for_update=True, populate_existing=True)
    if user is None:
        raise LookupError(id)
    return user


def _refuse_losing_last_admin(session: Session, id: int) -> None:
    """Raise `Refusal` if the user is the only admin who can sign in.

    Locks all admins, so that two admins cannot demote each other at the same time. To avoid
    deadlocks, the locks are taken before any other and in a fixed order.
    """
    admins = select(User.id).where(User.role == ADMIN, User.can_sign_in)
    admin_ids = session.scalars(admins.order_by(User.id).with_for_update()).all()
    if list(admin_ids) == [id]:
        raise Refusal(N_("This is the last admin. Add another admin first."), "role")


def check_password(password: str, *, about: Iterable[str] = ()) -> None:
    """Raise `Refusal` for a password that is too short, too long or easy to guess.

    `about` are the names of the user and of the site, which a password must not consist of.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise Refusal(
            N_("A password must have at least %(number)s characters."),
            "password",
            number=SHORTEST_PASSWORD,
        )
    if len(password) > LONGEST_PASSWORD:
        raise Refusal(N_("This password is too long."), "password")
    if is_too_easy(password, about):
        raise Refusal(
            N_(
                "This password is too easy to guess. Avoid names, dates and common words. Several "
                "unrelated words work well."
            ),
            "password",
        )
