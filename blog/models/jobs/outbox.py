"""The outbox: emails that are queued in the database until they are delivered or given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Index,
    String,
    and_,
    case,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.audit.action import action
from blog.models.base import Base, ColumnValues, JSONObject, UTCTime, now
from blog.models.comments import unsubscribe
from blog.models.comments.comment import APPROVED, PENDING, Comment
from blog.models.jobs.email_kinds import KINDS, UNSUBSCRIBABLE
from blog.models.users.user import User

# The wait after each attempt; the last attempt is made after about a day.
BACK_OFF = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12)),
)
STALE = timedelta(days=2)  # an older email, unsent for want of a mail server, is not sent any more
PAUSE = timedelta(minutes=1)
NO_TAGS: Final = {"tags": (), "synchronize_session": False}  # invalidates no cached page
DELIVERIES: Final = {"tags": ("deliveries",), "synchronize_session": False}


class Delivery(Base):
    """An email to one address.

    `facts` are the variables of its template; they are deleted once it is sent or given up. A
    process claims a row before it sends the email: claiming moves `due_at` to the next attempt, in
    case the process is killed.
    """

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_due", "done_at", "failed_at", "due_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    to: Mapped[str] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(10), default="")
    key: Mapped[str | None] = mapped_column(String(200), unique=True)
    facts: Mapped[JSONObject] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime] = mapped_column(default=now)
    tries: Mapped[int] = mapped_column(default=0)
    said: Mapped[str] = mapped_column(String(500), default="")  # the last error, shortened
    done_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]

    audit_secret = frozenset({"facts"})

    @classmethod
    def change_tags(cls, session: Session, values: ColumnValues, changed: set[str]) -> set[str]:
        """Return the tag of the list of deliveries."""
        return {"deliveries"}

    @classmethod
    def is_owed(cls) -> ColumnElement[bool]:
        """Return the condition for emails that are neither sent nor given up."""
        return and_(cls.done_at.is_(None), cls.failed_at.is_(None))

    @classmethod
    def is_due(cls) -> ColumnElement[bool]:
        """Return the condition for pending emails whose next attempt is due."""
        return and_(cls.is_owed(), cls.due_at <= now())


@dataclass(frozen=True)
class PendingDelivery:
    """A claimed email, detached from the database session, to be sent."""

    id: int
    kind: str
    to: str
    language: str
    facts: JSONObject
    created_at: datetime
    tries: int


def enqueue(
    session: Session, kind: str, to: str, *, language: str, key: str | None = None, **facts: str
) -> bool:
    """Queue an email, in the transaction that causes it. Returns whether it was queued.

    Does nothing without an address, or if the `key` was used before. For an email about a comment,
    `key` is `kind:uid`, optionally followed by a colon and more; such an email is dropped if the
    comment is deleted or moderated differently before it is sent. `facts` are those in `KINDS`,
    where `path` is a path on this site, made absolute when the email is sent. Raises `TypeError` if
    a fact is missing.
    """
    if not KINDS[kind] <= facts.keys():
        raise TypeError(f"{kind} needs {KINDS[kind]}")
    if not to or (key and session.scalar(select(Delivery.id).where(Delivery.key == key))):
        return False
    session.add(Delivery(kind=kind, to=to, language=language, key=key, facts=facts))
    return True


def cancel(session: Session, keys: Sequence[str]) -> None:
    """Delete the pending emails with these keys."""
    unsent = delete(Delivery).where(Delivery.key.in_(keys), Delivery.is_owed())
    session.execute(unsent, execution_options=DELIVERIES)


# --- delivery ---


def has_due(session: Session) -> bool:
    """Return whether an email is due. Only reads, so it needs no write lock."""
    return session.scalar(select(Delivery.id).where(Delivery.is_due()).limit(1)) is not None


@action("mail.claim")
def claim(session: Session, secret: bytes) -> PendingDelivery | None:
    """Claim the email that is due first; None if there is none.

    No other process gets it before its next attempt is due. Emails that are too old or no longer
    needed are ended on the way. `secret` is the installation's secret, for unsubscribed addresses.
    """
    while row := _claim_any(session):
        if row.created_at < now() - STALE:
            _end(session, row, failed_at=now(), said=row.said or "too old")
        elif reason := _reason_to_drop(session, row, secret):
            _end(session, row, done_at=now(), said=reason)
        else:
            return PendingDelivery(
                row.id, row.kind, row.to, row.language, row.facts, row.created_at, row.tries
            )
    return None


def _claim_any(session: Session) -> Delivery | None:
    """Claim the email that is due first.

    The UPDATE repeats the condition of its subquery, because PostgreSQL checks only the outer one
    again after it has waited for another process that claimed the same row.
    """
    first = select(Delivery.id).where(Delivery.is_due()).order_by(Delivery.due_at).limit(1)
    claimed = update(Delivery).where(Delivery.id == first.scalar_subquery(), Delivery.is_due())
    return session.execute(
        claimed.values(tries=Delivery.tries + 1, due_at=_next_attempt()).returning(Delivery),
        execution_options={**NO_TAGS, "populate_existing": True},
    ).scalar()


def _next_attempt() -> ColumnElement[datetime]:
    waits = {tries: literal(now() + wait, UTCTime) for tries, wait in enumerate(BACK_OFF)}
    return case(waits, value=Delivery.tries, else_=waits[len(BACK_OFF) - 1])


def _reason_to_drop(session: Session, row: Delivery, secret: bytes) -> str:
    """Return why an email is no longer needed, or "" if it must be sent."""
    if row.kind in UNSUBSCRIBABLE and unsubscribe.is_unsubscribed(
        session, unsubscribe.hash_of(secret, row.to)
    ):
        return "unsubscribed"
    if row.kind in WANTED_STATE and row.key:
        uid = row.key.split(":")[1]
        state = session.scalar(select(Comment.state).where(Comment.uid == uid))
        return "" if state == WANTED_STATE[row.kind] else f"comment {state or 'gone'}"
    if row.kind == "reset" and not session.scalar(
        select(User.id).where(User.email == row.to, User.disabled_at.is_(None))
    ):
        return "nobody has this address"
    return ""


# An email about a comment is sent only while the comment is in this state.
WANTED_STATE = {"answered": APPROVED, "comment_waits": PENDING}


@action("mail.deliver")
def mark_delivered(session: Session, delivery: PendingDelivery) -> None:
    """Mark an email as sent, even if another process has claimed it since."""
    _change(session, delivery.id, done_at=now(), said="", facts={})


@action("mail.fail")
def mark_failed(session: Session, delivery: PendingDelivery, error: str, *, for_good: bool) -> bool:
    """Record why an attempt failed; returns whether it was the last one.

    The email is then given up. `for_good` says that the error is permanent.
    """
    is_last = for_good or delivery.tries > len(BACK_OFF)
    ending = {"failed_at": now(), "facts": {}} if is_last else {}
    session.execute(
        update(Delivery)
        .where(Delivery.id == delivery.id, Delivery.tries == delivery.tries, Delivery.is_owed())
        .values(said=one_line(error), **ending),
        execution_options=DELIVERIES if is_last else NO_TAGS,
    )
    return is_last


@action("mail.postpone")
def postpone_due(session: Session, error: str) -> None:
    """Postpone all due emails by `PAUSE`, because the mail server itself has failed.

    This does not count as an attempt.
    """
    session.execute(
        update(Delivery)
        .where(Delivery.is_due())
        .values(due_at=now() + PAUSE, said=one_line(error)),
        execution_options=NO_TAGS,
    )


def one_line(message: str) -> str:
    """Return a server's message on one line, without control characters, in 500 characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in message).split())[:500]


def _end(session: Session, row: Delivery, **values: object) -> None:
    _change(session, row.id, facts={}, **values)


def _change(session: Session, id: int, **values: object) -> None:
    session.execute(
        update(Delivery).where(Delivery.id == id).values(**values), execution_options=NO_TAGS
    )


def give_up_stale(session: Session) -> None:
    """Mark pending emails older than `STALE` as failed, whatever kept them from being sent."""
    session.execute(
        update(Delivery)
        .where(Delivery.is_owed(), Delivery.created_at < now() - STALE)
        .values(failed_at=now(), facts={}),
        execution_options=NO_TAGS,
    )


# --- diagnostics ---


@dataclass(frozen=True)
class MailState:
    """Numbers of emails, for diagnostics.

    `waiting`: pending. `late`: those of them with a failed attempt. `failed`: given up in the last
    week. `said`: the latest error message of a late or failed one.
    """

    waiting: int = 0
    late: int = 0
    failed: int = 0
    said: str = ""


@dataclass(frozen=True)
class OutstandingMail:
    """How many emails are pending, and the age of the oldest in seconds; 0 if there is none."""

    number: int
    oldest_age: float


def outstanding(session: Session) -> OutstandingMail:
    """Count the pending emails, and find out how long the oldest has been waiting."""
    summary = select(func.count(), func.min(Delivery.created_at)).where(Delivery.is_owed())
    number, oldest = session.execute(summary).one()
    return OutstandingMail(number, max(0.0, (now() - oldest).total_seconds()) if oldest else 0.0)


def state(session: Session) -> MailState:
    """Count pending, late and failed emails."""
    recent = Delivery.failed_at.is_not(None) & (Delivery.failed_at > now() - timedelta(days=7))
    late = Delivery.is_owed() & (Delivery.said != "")
    latest_error = (
        select(Delivery.said)
        .where(late | recent)
        .order_by(func.coalesce(Delivery.failed_at, Delivery.due_at).desc(), Delivery.id.desc())
        .limit(1)
    )
    waiting, tried, given_up = (
        session.scalar(select(func.count()).select_from(Delivery).where(condition)) or 0
        for condition in (Delivery.is_owed(), late, recent)
    )
    return MailState(waiting, tried, given_up, session.scalar(latest_error) or "")
