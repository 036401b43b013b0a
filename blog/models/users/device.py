"""Recognized devices: browsers that have signed in before, which have a sign-in limit of their own.

Failed sign-ins by strangers therefore do not lock out the owner of an account.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ForeignKey, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.base import Base, now
from blog.models.users.user import User

LASTS = timedelta(days=365)


class Device(Base):
    """A browser in which a user has signed in. Only the SHA-256 of its key is stored."""

    __tablename__ = "device"
    __table_args__ = (UniqueConstraint("user_id", "key_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    key_hash: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)

    unaudited = True  # the audit log has the session that is started with it


def digest(key: str) -> str:
    """Return the SHA-256 of a key or token in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def known(session: Session, login: str, key: str) -> int | None:
    """Return the id of the device with this key if the user with this login has used it."""
    query = (
        select(Device.id)
        .join(User, User.id == Device.user_id)
        .where(Device.key_hash == digest(key), Device.seen_at > now() - LASTS)
        .where(User.id.in_(User.by_login(login).with_only_columns(User.id)))
    )
    return session.scalar(query) if key else None


def remember(session: Session, user_id: int, key: str) -> str:
    """Store that a user has used the browser with this key.

    Returns the key, or a new one if the given key is unknown.
    """
    rows = session.scalars(select(Device).where(Device.key_hash == digest(key))).all()
    if not rows:
        key = secrets.token_urlsafe(32)
    device = next((row for row in rows if row.user_id == user_id), None)
    if device is None:
        device = Device(user_id=user_id, key_hash=digest(key))
        session.add(device)
    device.seen_at = now()
    return key


def forget(session: Session, user_id: int, *, but: str = "") -> None:
    """Delete all devices of a user, except the one with the key `but`."""
    devices = delete(Device).where(Device.user_id == user_id, Device.key_hash != digest(but))
    session.execute(devices, execution_options={"tags": ()})


def over() -> ColumnElement[bool]:
    """Return the condition for devices that have not been used for `LASTS`."""
    return Device.seen_at < now() - LASTS
