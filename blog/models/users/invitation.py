"""A link that makes whoever holds it one of the people, once; perhaps under a byline that waits."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Base, Refusal, now
from blog.models.jobs import outbox
from blog.models.users import user
from blog.models.users.device import digest
from blog.models.users.user import ADMIN, ROLES, User

LASTS = timedelta(days=7)
STATES = ("open", "accepted", "revoked", "expired")


class Invitation(Base):
    """What somebody may become. Stored is only the SHA-256 of its key."""

    __tablename__ = "invitation"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(10))
    email: Mapped[str] = mapped_column(String(254), default="")
    display_name: Mapped[str] = mapped_column(String(200), default="")
    byline_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    revoked_at: Mapped[datetime | None]

    audit_secret = frozenset({"key_hash"})

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return {"invitations"}

    @classmethod
    def is_open(cls) -> ColumnElement[bool]:
        """Neither used, nor taken back, nor too old."""
        unused = cls.accepted_at.is_(None) & cls.revoked_at.is_(None)
        return unused & (cls.expires_at > now())


@dataclass(frozen=True)
class Invited:
    """What an open invitation offers. `name` is that of the byline, which stays as it is."""

    role: str
    by: str
    email: str
    name: str
    display_name: str
    expires_at: datetime

    @property
    def is_claim(self) -> bool:
        return bool(self.name)


# --- inviting ---


@action("invitation.create")
def invite(
    session: Session,
    *,
    role: str,
    by: User,
    display_name: str = "",
    email: str = "",
    byline_id: int | None = None,
    language: str = "",
    is_mailed: bool = False,
) -> str:
    """A new invitation; its path is told once. Raises `Refusal`."""
    email = email.strip().casefold()
    if role not in ROLES:
        raise Refusal(N_("Choose one of the roles."), "role")
    _check_email(session, email, byline_id, is_mailed=is_mailed)
    byline = _byline(session, byline_id) if byline_id else None
    row = Invitation(role=role, email=email, byline_id=byline_id, by_id=by.id)
    row.display_name = " ".join(display_name.split())[:200]
    path = _open(session, row)
    if is_mailed:
        tongue = (byline.language if byline else "") or language
        facts = {"by": by.display_name, "role": role, "path": path}
        outbox.owe(session, "invitation", email, language=tongue, key=_mail(row.id), **facts)
    return path


def _open(session: Session, row: Invitation) -> str:
    key = secrets.token_urlsafe(32)
    row.key_hash, row.expires_at = digest(key), now() + LASTS
    session.add(row)
    session.flush()
    return f"/invitation/{key}"


def _mail(id: int) -> str:
    """The key of the mail that carries the link."""
    return f"invitation:{id}"


def _check_email(session: Session, email: str, byline_id: int | None, *, is_mailed: bool) -> None:
    user.check_email(email)
    if is_mailed and not email:
        raise Refusal(N_("Enter the email address to send it to."), "email")
    taken = select(User.id).where(User.email == email, User.id != (byline_id or 0))
    if email and session.scalar(taken):
        raise Refusal(N_("This email address is already in use."), "email")


def _byline(session: Session, id: int) -> User:
    """A byline that can be handed over, locked. Raises `Refusal`."""
    found = session.get(User, id, with_for_update=True, populate_existing=True)
    if found is None or found.password_hash is not None or found.disabled_at is not None:
        raise Refusal(N_("This byline has already been taken over."), "byline")
    return found


@action("invitation.revoke")
def revoke_invitation(session: Session, id: int, *, by: User) -> None:
    """The link opens nothing any more, and is not mailed. Raises `LookupError`."""
    row = session.get(Invitation, id, with_for_update=True, populate_existing=True)
    if row is None:
        raise LookupError(id)
    if row.accepted_at is None:
        row.revoked_at = row.revoked_at or now()
        outbox.take_back(session, [_mail(id)])


def revoke_all(session: Session, by_id: int) -> None:
    """Who may not invite any more leaves no open door behind."""
    theirs = select(Invitation).where(Invitation.by_id == by_id, Invitation.is_open())
    revoked = session.scalars(theirs.order_by(Invitation.id).with_for_update()).all()
    for row in revoked:  # one by one: each is told in the audit, and only if there was one
        row.revoked_at = now()
    outbox.take_back(session, [_mail(row.id) for row in revoked])


# --- accepting ---


def invited(session: Session, key: str) -> Invited:
    """What the link offers. Looking does not use it. Raises `LookupError`."""
    row = session.scalar(_opened_by(key))
    if row is None:
        raise LookupError(key)
    byline = session.get_one(User, row.byline_id) if row.byline_id else None
    if byline and (byline.password_hash or byline.disabled_at):
        raise LookupError(key)
    return Invited(
        role=row.role,
        by=session.get_one(User, row.by_id).display_name,
        email=row.email or (byline.email if byline and byline.email else ""),
        name=byline.name if byline else "",
        display_name=row.display_name or (byline.display_name if byline else ""),
        expires_at=row.expires_at,
    )


def _opened_by(key: str) -> Any:
    inviter = select(User.id).where(User.role == ADMIN, User.can_sign_in)
    return select(Invitation).where(
        Invitation.key_hash == digest(key), Invitation.is_open(), Invitation.by_id.in_(inviter)
    )


@action("invitation.accept")
def accept_invitation(
    session: Session,
    key: str,
    *,
    name: str,
    display_name: str,
    email: str,
    password_hash: str,
    language: str = "",
) -> int:
    """Use the link: of many who try at once, one finds it open. Returns the new person's id.

    Raises `LookupError` where it is not open, `Refusal` for a fault in what was given.
    """
    row = session.scalar(_opened_by(key).with_for_update())
    if row is None:
        raise LookupError(key)
    if row.byline_id:
        person = _claim(session, row, display_name, email, password_hash)
    else:
        person = user.add(
            session,
            name=name,
            display_name=display_name,
            email=email,
            role=row.role,
            password_hash=password_hash,
            language=language,
        )
    row.accepted_at, row.accepted_id = now(), person.id
    return person.id


def _claim(
    session: Session, row: Invitation, display_name: str, email: str, password_hash: str
) -> User:
    """The byline becomes somebody, and keeps its name, its address and its posts."""
    person = _byline(session, int(row.byline_id or 0))
    user.describe(
        session,
        person.id,
        by=person,
        display_name=display_name,
        email=email,
        bio=person.bio,
        language=person.language,
    )
    person.role, person.password_hash = row.role, password_hash
    return person
