"""The link that lets somebody who has forgotten their password choose another one, once."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Base, Refusal, now
from blog.models.jobs.outbox import Delivery
from blog.models.users import login_throttle, user
from blog.models.users.device import digest
from blog.models.users.user import User

LASTS = timedelta(hours=1)
NOBODY = 0


class PasswordReset(Base):
    """A link that is open. Stored is only the SHA-256 of its key; using it deletes the row.

    Without a person it leads nowhere: it was made so that asking costs everybody the same.
    """

    __tablename__ = "password_reset"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), unique=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    # Where it was sent: once the address is no longer theirs, it opens nothing.
    email: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)

    audit_secret = frozenset({"key_hash"})

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return {"resets"}


@action("password.request_reset")
def ask_for_reset(session: Session, login: str, language: str) -> None:
    """Owe the link to whoever has this login. For nobody the same statements run in vain."""
    found = session.scalar(User.by_login(login).where(User.can_sign_in).with_for_update())
    id = found.id if found and found.email else None
    person = found if login_throttle.claim_mail(session, login, id) and id else None
    to = person.email if person and person.email else ""
    key = _open(session, person.id if person else None, to)
    owed = Delivery(
        kind="reset",
        to=to,
        language=(person.language if person else "") or language,
        facts={"name": person.display_name if person else login[:50], "path": path(key)},
        done_at=None if person else now(),  # what goes to nobody is not sent
    )
    session.add(owed)


@action("password.create_reset_link")
def reset_link(session: Session, login: str) -> str:
    """The path of a link, for a keeper at a shell to pass on. Raises `Refusal`."""
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
    """A new link, which makes any link before it worthless."""
    void(session, user_id or NOBODY)
    key = secrets.token_urlsafe(32)
    session.add(PasswordReset(user_id=user_id, key_hash=digest(key), email=email))
    return key


def path(key: str) -> str:
    return f"/reset/{key}"


def void(session: Session, user_id: int) -> None:
    """No link of this person opens anything any more."""
    theirs = delete(PasswordReset).where(PasswordReset.user_id == user_id)
    session.execute(theirs, execution_options={"tags": ("resets",)})


def owner(session: Session, key: str) -> User:
    """Whose password the link renews. Looking does not use it. Raises `LookupError`."""
    query = (
        select(User)
        .join(PasswordReset, PasswordReset.user_id == User.id)
        .where(PasswordReset.key_hash == digest(key), User.can_sign_in)
        .where(PasswordReset.created_at > now() - LASTS)
        .where((PasswordReset.email == "") | (PasswordReset.email == User.email))
    )
    found = session.scalar(query)
    if found is None:
        raise LookupError(key)
    return found


def spend(session: Session, key: str) -> User:
    """Use the link: of many who try at once, one finds it. Raises `LookupError`."""
    user.lock(session, owner(session, key).id)
    whose = owner(session, key)  # as it is now that nobody else can use it
    void(session, whose.id)
    return whose


def over() -> ColumnElement[bool]:
    """Links that open nothing any more."""
    return PasswordReset.created_at < now() - LASTS
