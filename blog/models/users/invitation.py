"""Invitations: single-use links to create an account or to take over a byline."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ForeignKey, Select, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Base, ColumnValues, Refusal, now
from blog.models.jobs import outbox
from blog.models.users import user
from blog.models.users.device import digest
from blog.models.users.user import ADMIN, ROLES, User

LASTS = timedelta(days=7)
STATES = ("open", "accepted", "revoked", "expired")


class Invitation(Base):
    """An invitation. Only the SHA-256 of its key is stored."""

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
    def change_tags(cls, session: Session, values: ColumnValues, changed: set[str]) -> set[str]:
        """Return the tag of the list of invitations."""
        return {"invitations"}

    @classmethod
    def is_open(cls) -> ColumnElement[bool]:
        """Return the condition for invitations that are not accepted, revoked or expired."""
        unused = cls.accepted_at.is_(None) & cls.revoked_at.is_(None)
        return unused & (cls.expires_at > now())


@dataclass(frozen=True)
class InvitationOffer:
    """What an open invitation offers. `name` is the name of the byline to take over, or empty."""

    role: str
    by: str  # the display name of the inviter
    email: str
    name: str
    display_name: str
    expires_at: datetime

    @property
    def is_claim(self) -> bool:
        """Whether the invitation takes over a byline."""
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
    """Create an invitation and return the path of its link, which is not stored.

    With `is_mailed` the link is also sent to `email`. `byline_id` is a byline to take over.
    Raises `Refusal`.
    """
    email = email.strip().casefold()
    if role not in ROLES:
        raise Refusal(N_("Choose one of the roles."), "role")
    _check_email(session, email, byline_id, is_mailed=is_mailed)
    byline = _byline(session, byline_id) if byline_id else None
    row = Invitation(role=role, email=email, byline_id=byline_id, by_id=by.id)
    row.display_name = " ".join(display_name.split())[:200]
    path = _insert(session, row)
    if is_mailed:
        language = (byline.language if byline else "") or language
        facts = {"by": by.display_name, "role": role, "path": path}
        outbox.enqueue(
            session, "invitation", email, language=language, key=_mail_key(row.id), **facts
        )
    return path


def _insert(session: Session, row: Invitation) -> str:
    """Insert an invitation with a new key and return the path of its link."""
    key = secrets.token_urlsafe(32)
    row.key_hash, row.expires_at = digest(key), now() + LASTS
    session.add(row)
    session.flush()
    return f"/invitation/{key}"


def _mail_key(id: int) -> str:
    """Return the outbox key of the email that contains the link."""
    return f"invitation:{id}"


def _check_email(session: Session, email: str, byline_id: int | None, *, is_mailed: bool) -> None:
    user.check_email(email)
    if is_mailed and not email:
        raise Refusal(N_("Enter the email address to send it to."), "email")
    taken = select(User.id).where(User.email == email, User.id != (byline_id or 0))
    if email and session.scalar(taken):
        raise Refusal(N_("This email address is already in use."), "email")


def _byline(session: Session, id: int) -> User:
    """Return a byline and lock it. Raises `Refusal` if it cannot be taken over."""
    byline = session.get(User, id, with_for_update=True, populate_existing=True)
    if byline is None or byline.password_hash is not None or byline.disabled_at is not None:
        raise Refusal(N_("This byline has already been taken over."), "byline")
    return byline


@action("invitation.revoke")
def revoke_invitation(session: Session, id: int, *, by: User) -> None:
    """Revoke an invitation and cancel its email. Raises `LookupError` if there is none.

    Does nothing if it was accepted.
    """
    row = session.get(Invitation, id, with_for_update=True, populate_existing=True)
    if row is None:
        raise LookupError(id)
    if row.accepted_at is None:
        row.revoked_at = row.revoked_at or now()
        outbox.cancel(session, [_mail_key(id)])


def revoke_all(session: Session, by_id: int) -> None:
    """Revoke the open invitations of a user who may no longer invite."""
    open_ones = select(Invitation).where(Invitation.by_id == by_id, Invitation.is_open())
    revoked = session.scalars(open_ones.order_by(Invitation.id).with_for_update()).all()
    for row in revoked:  # changed one by one, so that the audit log has an entry for each
        row.revoked_at = now()
    outbox.cancel(session, [_mail_key(row.id) for row in revoked])


# --- accepting ---


def get_offer(session: Session, key: str) -> InvitationOffer:
    """Return what an open invitation offers, without using it. Raises `LookupError`."""
    row = session.scalar(_open_with_key(key))
    if row is None:
        raise LookupError(key)
    byline = session.get_one(User, row.byline_id) if row.byline_id else None
    if byline and (byline.password_hash or byline.disabled_at):
        raise LookupError(key)
    return InvitationOffer(
        role=row.role,
        by=session.get_one(User, row.by_id).display_name,
        email=row.email or (byline.email if byline and byline.email else ""),
        name=byline.name if byline else "",
        display_name=row.display_name or (byline.display_name if byline else ""),
        expires_at=row.expires_at,
    )


def _open_with_key(key: str) -> Select[Invitation]:
    """Select the open invitation with this key, if its inviter is still an active admin."""
    admins = select(User.id).where(User.role == ADMIN, User.can_sign_in)
    return select(Invitation).where(
        Invitation.key_hash == digest(key), Invitation.is_open(), Invitation.by_id.in_(admins)
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
    """Accept an invitation and return the id of the new user.

    The row is locked, so that only one of several concurrent requests succeeds. Raises
    `LookupError` if the invitation is not open, and `Refusal` for an invalid value.
    """
    row = session.scalar(_open_with_key(key).with_for_update())
    if row is None:
        raise LookupError(key)
    if row.byline_id:
        person = _claim(session, row, display_name, email, password_hash)
    else:
        person = user.create_user(
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
    """Turn the byline into an account; it keeps its name, its address and its posts."""
    person = _byline(session, int(row.byline_id or 0))
    user.edit_profile(
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
