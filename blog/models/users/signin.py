"""A signed-in browser: a row whose token only the browser knows."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, ForeignKey, Select, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Base, Refusal, now
from blog.models.users import device, user
from blog.models.users.device import digest
from blog.models.users.user import User

T = TypeVar("T")
IDLE = timedelta(days=14)
ABSOLUTE = timedelta(days=90)
SEEN_EVERY = timedelta(minutes=10)
WRONG = N_("The name or the password is incorrect.")


class SignIn(Base):
    """One browser of one person. Stored is only the SHA-256 of its token."""

    __tablename__ = "signin"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    ip: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(300), default="")
    user: Mapped[User] = relationship(lazy="raise")

    audit_secret = frozenset({"token_hash"})
    audit_ignored = frozenset({"seen_at"})

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return {f"signins:{values['user_id']}"}

    @classmethod
    def of(cls, user: User) -> Select["SignIn"]:
        fresh = cls.seen_at > now() - IDLE
        return select(cls).where(cls.user_id == user.id, fresh).order_by(cls.seen_at.desc())


def mine(session: Session, *, by: User) -> list[SignIn]:
    """The browsers in which `by` is signed in, the latest used first."""
    return list(session.scalars(SignIn.of(by)))


class NewSession(NamedTuple):
    """What a browser is given when it is let in: the token of the sign-in, and its own key."""

    token: str
    browser: str


@action("session.start")
def enter(
    session: Session,
    user_id: int,
    ip: str,
    agent: str,
    instead_of: str,
    browser: str,
    *,
    proved: str | None = None,
) -> NewSession:
    """A new sign-in, in a browser that is known from now on.

    `proved` is the hash that a password was checked against. While that was done, somebody may have
    shut the person out, or given them another password. Raises `Refusal`.
    """
    person = user.lock(session, user_id)
    if not person.can_sign_in or proved not in (None, person.password_hash):
        raise Refusal(WRONG)
    token = open_(session, user_id, ip, agent, instead_of)
    return NewSession(token, device.remember(session, user_id, browser))


@action("session.open")
def open_(session: Session, user_id: int, ip: str, agent: str, instead_of: str = "") -> str:
    """A new sign-in; the token is told once, to the browser, and ends the one it had before."""
    session.info["by"] = session.info.get("by") or session.get(User, user_id)  # who comes in
    if instead_of:
        close(session, instead_of)
    token = secrets.token_urlsafe(32)
    session.add(SignIn(user_id=user_id, token_hash=digest(token), ip=ip[:64], agent=agent[:300]))
    return token


def who(session: Session, token: str) -> tuple[User, SignIn] | None:
    """Whom the token belongs to, if they may still come in."""
    moment = now()
    found = session.execute(
        select(User, SignIn)
        .join(SignIn, SignIn.user_id == User.id)
        .where(SignIn.token_hash == digest(token), User.can_sign_in)
        .where(SignIn.seen_at > moment - IDLE, SignIn.created_at > moment - ABSOLUTE)
    ).first()
    return (found[0], found[1]) if found else None


class Ended(Exception):
    """The sign-in of whoever asked is over; nothing was done."""


def while_it_stands(work: Callable[..., T], id: int, role: str) -> Callable[..., T]:
    """`work`, but only while this sign-in has not been ended and its person has this role.

    Between the door and the act a password may be hashed, or a page rendered.
    """
    mine = select(SignIn.id).join(User, User.id == SignIn.user_id).where(SignIn.id == id)

    @wraps(work)
    def checked(session: Session, *args: Any, **kwargs: Any) -> T:
        if session.scalar(mine.where(User.can_sign_in, User.role == role)) is None:
            raise Ended
        return work(session, *args, **kwargs)

    return checked


@action("session.seen")
def seen(session: Session, id: int) -> None:
    """Note that the browser is in use; asked at most once in `SEEN_EVERY`."""
    signin = session.get(SignIn, id)
    if signin:
        signin.seen_at = now()


@action("session.end")
def close(session: Session, token: str) -> None:
    session.execute(
        delete(SignIn).where(SignIn.token_hash == digest(token)),
        execution_options={"tags": ("signins",)},
    )


@action("session.revoke")
def revoke(session: Session, id: int, *, by: User) -> None:
    """End one of one's own sign-ins."""
    session.execute(
        delete(SignIn).where(SignIn.id == id, SignIn.user_id == by.id),
        execution_options={"tags": (f"signins:{by.id}",)},
    )


@action("session.revoke_all")
def revoke_all(session: Session, user_id: int, *, but: str = "") -> None:
    """End every sign-in of a person except the one with the token `but`."""
    session.execute(
        delete(SignIn).where(SignIn.user_id == user_id, SignIn.token_hash != digest(but)),
        execution_options={"tags": (f"signins:{user_id}",)},
    )


def over() -> ColumnElement[bool]:
    """Sign-ins that have run out."""
    moment = now()
    return (SignIn.seen_at < moment - IDLE) | (SignIn.created_at < moment - ABSOLUTE)
