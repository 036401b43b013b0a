"""Retention: delete expired rows and old IP addresses, in small batches that block no writer."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, inspect, select, update
from sqlalchemy.orm import Session

from blog.models.audit.action import action
from blog.models.base import Base, now
from blog.models.comments.comment import Comment
from blog.models.jobs import outbox
from blog.models.jobs.outbox import Delivery
from blog.models.users import device, login_throttle, password_reset, signin
from blog.models.users.device import Device
from blog.models.users.login_throttle import Attempt
from blog.models.users.password_reset import PasswordReset
from blog.models.users.signin import SignIn

BATCH_SIZE = 200  # rows per transaction
DELIVERIES_KEPT = timedelta(days=30)
ADDRESSES_KEPT = timedelta(days=90)  # long enough to investigate abuse


def _old_deliveries() -> ColumnElement[bool]:
    return ~Delivery.is_owed() & (Delivery.created_at < now() - DELIVERIES_KEPT)


# Table -> the condition for its expired rows.
EXPIRED: dict[type[Base], Callable[[], ColumnElement[bool]]] = {
    Attempt: login_throttle.over,
    Delivery: _old_deliveries,
    Device: device.over,
    PasswordReset: password_reset.over,
    SignIn: signin.over,
}


@action("retention.delete_expired")
def delete_expired(session: Session, table: type[Base]) -> bool:
    """Delete one batch of expired rows of a table; returns whether there may be more."""
    key = inspect(table).primary_key[0]
    batch = select(key).where(EXPIRED[table]()).limit(BATCH_SIZE)
    deleted = session.execute(
        delete(table).where(key.in_(batch)).returning(key),
        execution_options={"tags": (), "synchronize_session": False},
    )
    return len(deleted.all()) == BATCH_SIZE


@action("retention.forget_addresses")
def forget_addresses(session: Session) -> bool:
    """Clear the IP addresses of one batch of old comments; returns whether there may be more."""
    old = Comment.ip != "", Comment.created_at < now() - ADDRESSES_KEPT
    batch = select(Comment.id).where(*old).limit(BATCH_SIZE)
    cleared = session.execute(
        update(Comment).where(Comment.id.in_(batch)).values(ip="").returning(Comment.id),
        execution_options={"tags": (), "synchronize_session": False},
    )
    return len(cleared.all()) == BATCH_SIZE


@action("mail.expire")
def give_up_stale(session: Session) -> None:
    """Mark emails that are too old to be sent as failed."""
    outbox.give_up_stale(session)
