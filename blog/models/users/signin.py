"""Login sessions: how long they last, starting, looking up and ending them.

Only the hash of a session's token is stored.
"""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, ForeignKey, Select, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from blog.config import N_
from blog.models.audit import change_log
from blog.models.audit.action import action
from blog.models.base import Base, ColumnValues, Refusal, now
from blog.models.users import device, user
from blog.models.users.device import digest
from blog.models.users.user import User

IDLE = timedelta(days=14)  # a session ends after this time without a request
ABSOLUTE = timedelta(days=90)  # a session ends this long after it started
SEEN_EVERY = timedelta(minutes=10)  # `seen_at` is updated at most this often
WRONG = N_("The name or the password is incorrect.")


class SignIn(Base):
    """A session of a user in a browser. Only the SHA-256 of its token is stored."""

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
    def change_tags(cls, session: Session, values: ColumnValues, changed: set[str]) -> set[str]:
        """Return the tag of the user's sessions."""
        return {f"signins:{values['user_id']}"}

    @classmethod
    def of(cls, user: User) -> Select["SignIn"]:
        """Select the sessions of a user that are in use, the most recently used first."""
        in_use = cls.seen_at > now() - IDLE
        return select(cls).where(cls.user_id == user.id, in_use).order_by(cls.seen_at.desc())


def sessions_of(session: Session, *, by: User) -> list[SignIn]:
    """Return the sessions of the user `by`, the most recently used first."""
    return list(session.scalars(SignIn.of(by)))


class NewSession(NamedTuple):
    """The values of the two cookies of a new session: its token, and the key of the device."""

    token: str
    browser: str


@action("session.start")
def start_session(
    session: Session,
    user_id: int,
    ip: str,
    agent: str,
    instead_of: str,
    browser: str,
    *,
    proved: str | None = None,
) -> NewSession:
    """Start a session and remember the device.

    `instead_of` is the token of an earlier session of the browser, which ends. `proved` is the
    password hash that the password was checked against: raises `Refusal` if the password was
    changed or the account disabled while the password was being checked.
    """
    person = user.lock(session, user_id)
    if not person.can_sign_in or proved not in (None, person.password_hash):
        raise Refusal(WRONG)
    token = create_session(session, user_id, ip, agent, instead_of)
    return NewSession(token, device.remember(session, user_id, browser))


@action("session.open")
def create_session(
    session: Session, user_id: int, ip: str, agent: str, instead_of: str = ""
) -> str:
    """Start a session and return its token; ends the session with the token `instead_of`."""
    change_log.attribute_to(session, session.get_one(User, user_id))
    if instead_of:
        end_session(session, instead_of)
    token = secrets.token_urlsafe(32)
    session.add(SignIn(user_id=user_id, token_hash=digest(token), ip=ip[:64], agent=agent[:300]))
    return token


def find_by_token(session: Session, token: str) -> tuple[User, SignIn] | None:
    """Return the user and the session of a token, or None if it is not valid."""
    moment = now()
    row = session.execute(
        select(User, SignIn)
        .join(SignIn, SignIn.user_id == User.id)
        .where(SignIn.token_hash == digest(token), User.can_sign_in)
        .where(SignIn.seen_at > moment - IDLE, SignIn.created_at > moment - ABSOLUTE)
    ).first()
    return (row[0], row[1]) if row else None


class SessionEnded(Exception):
    """The session of the request has ended; the transaction was not carried out."""


def require_session(session: Session, id: int, role: str) -> None:
    """Raise `SessionEnded` unless the session with this id is valid and its user has the role.

    A transaction starts with this check. The request has been authorised before, but its session
    may end while a password is hashed or a page rendered.
    """
    current = select(SignIn.id).join(User, User.id == SignIn.user_id).where(SignIn.id == id)
    if session.scalar(current.where(User.can_sign_in, User.role == role)) is None:
        raise SessionEnded


@action("session.seen")
def mark_seen(session: Session, id: int) -> None:
    """Record that a session is in use; called at most once in `SEEN_EVERY`."""
    signin = session.get(SignIn, id)
    if signin:
        signin.seen_at = now()


@action("session.end")
def end_session(session: Session, token: str) -> None:
    """End the session with this token."""
    session.execute(
        delete(SignIn).where(SignIn.token_hash == digest(token)),
        execution_options={"tags": ("signins",)},
    )


@action("session.revoke")
def revoke(session: Session, id: int, *, by: User) -> None:
    """End one of one's own sessions."""
    session.execute(
        delete(SignIn).where(SignIn.id == id, SignIn.user_id == by.id),
        execution_options={"tags": (f"signins:{by.id}",)},
    )


@action("session.revoke_all")
def revoke_all(session: Session, user_id: int, *, but: str = "") -> None:
    """End all sessions of a user, except the one with the token `but`."""
    session.execute(
        delete(SignIn).where(SignIn.user_id == user_id, SignIn.token_hash != digest(but)),
        execution_options={"tags": (f"signins:{user_id}",)},
    )


def over() -> ColumnElement[bool]:
    """Return the condition for expired sessions."""
    moment = now()
    return (SignIn.seen_at < moment - IDLE) | (SignIn.created_at < moment - ABSOLUTE)
