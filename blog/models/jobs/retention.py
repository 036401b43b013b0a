"""What is old goes, in pieces that hold up nobody."""

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

PIECE = 200  # rows in one transaction
KEPT = timedelta(days=30)  # how long a delivery can be looked at after it is over
ADDRESS_KEPT = timedelta(days=90)  # long enough for a keeper who looks after trouble


def _old_deliveries() -> ColumnElement[bool]:
    return ~Delivery.is_owed() & (Delivery.created_at < now() - KEPT)


# Table -> what of it is old.
OLD: dict[type[Base], Callable[[], ColumnElement[bool]]] = {
    Attempt: login_throttle.over,
    Delivery: _old_deliveries,
    Device: device.over,
    PasswordReset: password_reset.over,
    SignIn: signin.over,
}


@action("retention.delete_expired")
def sweep(session: Session, table: type[Base]) -> bool:
    """Delete a piece of what is old in a table; True while there is more."""
    key = inspect(table).primary_key[0]
    piece = select(key).where(OLD[table]()).limit(PIECE)
    gone = session.execute(
        delete(table).where(key.in_(piece)).returning(key),
        execution_options={"tags": (), "synchronize_session": False},
    )
    return len(gone.all()) == PIECE


@action("retention.forget_addresses")
def forget_addresses(session: Session) -> bool:
    """Where old comments came from, a piece at a time; True while there is more."""
    old = Comment.ip != "", Comment.created_at < now() - ADDRESS_KEPT
    piece = select(Comment.id).where(*old).limit(PIECE)
    forgotten = session.execute(
        update(Comment).where(Comment.id.in_(piece)).values(ip="").returning(Comment.id),
        execution_options={"tags": (), "synchronize_session": False},
    )
    return len(forgotten.all()) == PIECE


@action("mail.expire")
def give_up_stale(session: Session) -> None:
    outbox.give_up_stale(session)
