"""Browsers in which somebody has signed in before: what strangers try does not shut them out."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.base import Base, now
from blog.models.users.user import User

LASTS = timedelta(days=365)


class Device(Base):
    """A browser that one person has used. Stored is only the SHA-256 of its key."""

    __tablename__ = "device"
    __table_args__ = (UniqueConstraint("user_id", "key_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    key_hash: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)

    unaudited = True  # the sign-in beside it is told

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return set()


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def known(session: Session, login: str, key: str) -> int | None:
    """The row of the browser with this key, if whoever has this login signed in with it before."""
    query = (
        select(Device.id)
        .join(User, User.id == Device.user_id)
        .where(Device.key_hash == digest(key), Device.seen_at > now() - LASTS)
        .where(User.id.in_(User.by_login(login).with_only_columns(User.id)))
    )
    return session.scalar(query) if key else None


def remember(session: Session, user_id: int, key: str) -> str:
    """The browser is this person's from now on. Its key, or a new one if it has none of ours."""
    rows = session.scalars(select(Device).where(Device.key_hash == digest(key))).all()
    if not rows:
        key = secrets.token_urlsafe(32)
    mine = next((row for row in rows if row.user_id == user_id), None)
    if mine is None:
        mine = Device(user_id=user_id, key_hash=digest(key))
        session.add(mine)
    mine.seen_at = now()
    return key


def forget(session: Session, user_id: int, *, but: str = "") -> None:
    """No browser of this person is known any more, except the one with the key `but`."""
    theirs = delete(Device).where(Device.user_id == user_id, Device.key_hash != digest(but))
    session.execute(theirs, execution_options={"tags": ()})


def over() -> ColumnElement[bool]:
    """Browsers that have not been seen for long."""
    return Device.seen_at < now() - LASTS
