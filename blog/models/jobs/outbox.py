"""Something owed to the outside, such as a mail, until it is delivered or given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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
from blog.models.base import Base, UTCTime, now
from blog.models.comments import unsubscribe
from blog.models.comments.comment import APPROVED, PENDING, Comment
from blog.models.users.user import User

# What can be owed, and the facts that its template in templates/mail/ is given.
KINDS = {
    "reset": {"name", "path"},
    "invitation": {"by", "role", "path"},
    "comment_waits": {"title", "author", "text", "path"},
    "answered": {"title", "author", "text", "path"},
    "password_changed": {"name", "at", "ip"},
    "test": set[str](),
}
# These can be stopped by whoever gets them, with a link of one press.
STOPPABLE = {"answered"}
# The wait after each try; the last one is made after a day.
BACK_OFF = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12)),
)
STALE = timedelta(days=2)  # what could not be tried before, for want of a mail server, is old news
PAUSE = timedelta(minutes=1)
UNCOUNTED: dict[str, Any] = {"tags": (), "synchronize_session": False}


class Delivery(Base):
    """One mail to one address. `facts` is what its template needs; wiped once it is over.

    Whoever sends it has claimed it: `due_at` was moved to the next try, should they be killed.
    """

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_due", "done_at", "failed_at", "due_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    to: Mapped[str] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(10), default="")
    key: Mapped[str | None] = mapped_column(String(200), unique=True)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime] = mapped_column(default=now)
    tries: Mapped[int] = mapped_column(default=0)
    said: Mapped[str] = mapped_column(String(500), default="")  # the last fault, in short
    done_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]

    audit_secret = frozenset({"facts"})

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return {"deliveries"}

    @classmethod
    def is_owed(cls) -> ColumnElement[bool]:
        return and_(cls.done_at.is_(None), cls.failed_at.is_(None))

    @classmethod
    def is_due(cls) -> ColumnElement[bool]:
        return and_(cls.is_owed(), cls.due_at <= now())


@dataclass(frozen=True)
class PendingDelivery:
    """A claimed delivery, as it leaves the database to be sent."""

    id: int
    kind: str
    to: str
    language: str
    facts: dict[str, Any]
    created_at: datetime
    tries: int


def owe(
    session: Session, kind: str, to: str, *, language: str, key: str | None = None, **facts: Any
) -> bool:
    """Owe a mail, in the transaction of the act that causes it. With a `key`, at most once ever.

    `key` is `kind:uid` (and more after a colon) where the mail is about a comment: it is dropped
    if the comment is gone, or has been decided about otherwise, before it is sent. `facts` are
    those of `KINDS`; `path` is a path of ours, made absolute when it is sent.
    """
    if not KINDS[kind] <= facts.keys():
        raise TypeError(f"{kind} needs {KINDS[kind]}")
    if not to or (key and session.scalar(select(Delivery.id).where(Delivery.key == key))):
        return False
    session.add(Delivery(kind=kind, to=to, language=language, key=key, facts=facts))
    return True


def take_back(session: Session, keys: Sequence[str]) -> None:
    """What is owed under these keys is sent no more, whether or not it was tried."""
    unsent = delete(Delivery).where(Delivery.key.in_(keys), Delivery.is_owed())
    session.execute(unsent, execution_options={**UNCOUNTED, "tags": ("deliveries",)})


# --- for who delivers ---


def has_due(session: Session) -> bool:
    """A look that wants no lock."""
    return session.scalar(select(Delivery.id).where(Delivery.is_due()).limit(1)) is not None


@action("mail.claim")
def claim(session: Session, secret: bytes) -> PendingDelivery | None:
    """The delivery that is due first, for nobody but the caller until its next try is due.

    What has become pointless meanwhile is ended on the way.
    """
    while row := _claim_any(session):
        if row.created_at < now() - STALE:
            _end(session, row, failed_at=now(), said=row.said or "too old")
        elif why := _pointless(session, row, secret):
            _end(session, row, done_at=now(), said=why)
        else:
            return PendingDelivery(
                row.id, row.kind, row.to, row.language, row.facts, row.created_at, row.tries
            )
    return None


def _claim_any(session: Session) -> Delivery | None:
    """The conditions stand in both places: PostgreSQL looks again at the outer ones when it has
    waited for somebody who claimed the same row."""
    first = select(Delivery.id).where(Delivery.is_due()).order_by(Delivery.due_at).limit(1)
    tried = update(Delivery).where(Delivery.id == first.scalar_subquery(), Delivery.is_due())
    return session.execute(
        tried.values(tries=Delivery.tries + 1, due_at=_next_try()).returning(Delivery),
        execution_options=UNCOUNTED | {"populate_existing": True},
    ).scalar()


def _next_try() -> ColumnElement[datetime]:
    waits = {tries: literal(now() + wait, UTCTime) for tries, wait in enumerate(BACK_OFF)}
    return case(waits, value=Delivery.tries, else_=waits[len(BACK_OFF) - 1])


def _pointless(session: Session, row: Delivery, secret: bytes) -> str:
    """Why it need not be sent any more; "" if it must."""
    if row.kind in STOPPABLE and unsubscribe.is_unsubscribed(
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


# A mail about a comment is sent while the comment is in this state.
WANTED_STATE = {"answered": APPROVED, "comment_waits": PENDING}


@action("mail.deliver")
def delivered(session: Session, owed: PendingDelivery) -> None:
    """Whoever else may have claimed it since: it has been sent."""
    _change(session, owed.id, done_at=now(), said="", facts={})


@action("mail.fail")
def failed(session: Session, owed: PendingDelivery, said: str, *, for_good: bool) -> bool:
    """Note why a try failed; True if it was the last one, and the mail is given up."""
    is_over = for_good or owed.tries > len(BACK_OFF)
    over = {"failed_at": now(), "facts": {}} if is_over else {}
    session.execute(
        update(Delivery)
        .where(Delivery.id == owed.id, Delivery.tries == owed.tries, Delivery.is_owed())
        .values(said=in_short(said), **over),
        execution_options={**UNCOUNTED, "tags": ("deliveries",) if is_over else ()},
    )
    return is_over


@action("mail.postpone")
def put_off(session: Session, said: str) -> None:
    """The server itself is at fault: whatever is due waits a little, and loses no try."""
    session.execute(
        update(Delivery).where(Delivery.is_due()).values(due_at=now() + PAUSE, said=in_short(said)),
        execution_options=UNCOUNTED,
    )


def in_short(said: str) -> str:
    """What a server says, on one line and without anything that a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:500]


def _end(session: Session, row: Delivery, **values: Any) -> None:
    _change(session, row.id, facts={}, **values)


def _change(session: Session, id: int, **values: Any) -> None:
    session.execute(
        update(Delivery).where(Delivery.id == id).values(**values), execution_options=UNCOUNTED
    )


def give_up_stale(session: Session) -> None:
    """However it is that they were not sent: nobody waits for them any more."""
    session.execute(
        update(Delivery)
        .where(Delivery.is_owed(), Delivery.created_at < now() - STALE)
        .values(failed_at=now(), facts={}),
        execution_options=UNCOUNTED,
    )


# --- for who keeps the house ---


@dataclass(frozen=True)
class MailState:
    """`waiting`: owed, tried or not; `late`: tried in vain, tried again; `failed`: given up in the
    last week; `said`: what the mail server said last of one of those."""

    waiting: int = 0
    late: int = 0
    failed: int = 0
    said: str = ""


def state(session: Session) -> MailState:
    recent = Delivery.failed_at.is_not(None) & (Delivery.failed_at > now() - timedelta(days=7))
    late = Delivery.is_owed() & (Delivery.said != "")
    said = (
        select(Delivery.said)
        .where(late | recent)
        .order_by(func.coalesce(Delivery.failed_at, Delivery.due_at).desc(), Delivery.id.desc())
        .limit(1)
    )
    waiting, tried, given_up = (
        session.scalar(select(func.count()).select_from(Delivery).where(which)) or 0
        for which in (Delivery.is_owed(), late, recent)
    )
    return MailState(waiting, tried, given_up, session.scalar(said) or "")
