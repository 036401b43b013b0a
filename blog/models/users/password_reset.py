"""Single-use links to reset a forgotten password."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Base, ColumnValues, Refusal, now
from blog.models.jobs.outbox import Delivery
from blog.models.users import login_throttle, user
from blog.models.users.device import digest
from blog.models.users.user import User

LASTS = timedelta(hours=1)
NO_USER = 0  # no user has this id


class PasswordReset(Base):
    """An open reset link. Only the SHA-256 of its key is stored; using it deletes the row.

    A row without a user is a decoy: it is inserted for an unknown login, so that the request takes
    as long as for a known one.
    """

    __tablename__ = "password_reset"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), unique=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    # The address it was sent to. The link becomes invalid if the user's address changes.
    email: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)

    audit_secret = frozenset({"key_hash"})

    @classmethod
    def change_tags(cls, session: Session, values: ColumnValues, changed: set[str]) -> set[str]:
        """Return the tag of reset links."""
        return {"resets"}


@action("password.request_reset")
def request_reset(session: Session, login: str, language: str) -> None:
    """Queue an email with a reset link to the user with this login.

    Runs the same queries for an unknown login, so that timing reveals nothing.
    """
    account = session.scalar(User.by_login(login).where(User.can_sign_in).with_for_update())
    id = account.id if account and account.email else None
    recipient = account if login_throttle.count_reset_mail(session, login, id) and id else None
    to = recipient.email if recipient and recipient.email else ""
    key = _open(session, recipient.id if recipient else None, to)
    delivery = Delivery(
        kind="reset",
        to=to,
        language=(recipient.language if recipient else "") or language,
        facts={"name": recipient.display_name if recipient else login[:50], "path": path(key)},
        done_at=None if recipient else now(),  # without a recipient nothing is sent
    )
    session.add(delivery)


@action("password.create_reset_link")
def create_reset_link(session: Session, login: str) -> str:
    """Return the path of a new reset link, for the command line. Raises `Refusal`."""
    person = session.scalar(User.by_login(login).with_for_update())
    if person is None:
        raise Refusal(N_("There is no user named %(name)s."), name=login)
    if person.disabled_at:
        raise Refusal(
            N_("The account %(name)s is disabled. Enable it in the admin area first."), name=login
        )
    if person.password_hash is None:
        message = N_(
            "%(name)s is a byline without an account. In the admin area, invite somebody to take "
            "it over."
        )
        raise Refusal(message, name=login)
    return path(_open(session, person.id))


def _open(session: Session, user_id: int | None, email: str = "") -> str:
    """Create a link, which replaces any earlier link of the user, and return its key."""
    void(session, user_id or NO_USER)
    key = secrets.token_urlsafe(32)
    session.add(PasswordReset(user_id=user_id, key_hash=digest(key), email=email))
    return key


def path(key: str) -> str:
    """Return the path of the link with this key."""
    return f"/reset/{key}"


def void(session: Session, user_id: int) -> None:
    """Delete the reset link of a user, if there is one."""
    links = delete(PasswordReset).where(PasswordReset.user_id == user_id)
    session.execute(links, execution_options={"tags": ("resets",)})


def owner(session: Session, key: str) -> User:
    """Return the user of a link without using it. Raises `LookupError` if it is not valid."""
    query = (
        select(User)
        .join(PasswordReset, PasswordReset.user_id == User.id)
        .where(PasswordReset.key_hash == digest(key), User.can_sign_in)
        .where(PasswordReset.created_at > now() - LASTS)
        .where((PasswordReset.email == "") | (PasswordReset.email == User.email))
    )
    account = session.scalar(query)
    if account is None:
        raise LookupError(key)
    return account


def spend(session: Session, key: str) -> User:
    """Use a link and return its user. Raises `LookupError` if it is not valid.

    Of several concurrent requests only one succeeds.
    """
    user.lock(session, owner(session, key).id)
    account = owner(session, key)  # again, because another request may have used the link
    void(session, account.id)
    return account


def over() -> ColumnElement[bool]:
    """Return the condition for expired links."""
    return PasswordReset.created_at < now() - LASTS
