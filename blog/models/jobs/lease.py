"""Leases in the database: they let only one process at a time run the scheduler."""

from datetime import datetime, timedelta
from typing import TypedDict

from sqlalchemy import ColumnElement, String, or_, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.audit.action import action
from blog.models.base import Base, now

SCHEDULER = "clock"
SPAN = timedelta(seconds=30)  # after a holder was killed, nobody holds the lease for this long
# An end beyond this was written by a process with a wrong clock, so it is ignored. This is more
# than `SPAN`, because another process may take the lease after this one has read the clock.
MAX_REMAINING = 2 * SPAN
FREE = datetime.fromisoformat("1970-01-01T00:00:00Z")


class LeaseFacts(TypedDict, total=False):
    """The holder of a lease and when it ends; empty if the lease does not exist."""

    holder: str
    until: datetime


class Lease(Base):
    """A named lock that a process holds until a time, unless it renews it.

    A migration inserts the rows.
    """

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64), default="")
    until: Mapped[datetime] = mapped_column(default=FREE)

    unaudited = True

    @classmethod
    def is_open_to(cls, holder: str) -> ColumnElement[bool]:
        """Return the condition for a lease that is free, expired or held by `holder`."""
        moment = now()
        return or_(cls.holder == holder, cls.until <= moment, cls.until > moment + MAX_REMAINING)


def held_until(session: Session, name: str, holder: str) -> datetime | None:
    """Return when `holder`'s lease ends, `FREE` if nobody holds it, None if another process does.

    Only reads, so that waiting processes never need SQLite's write lock.
    """
    row = session.get(Lease, name)
    moment = now()
    if row is None or row.until <= moment or row.until > moment + MAX_REMAINING:
        return FREE
    return row.until if row.holder == holder else None


@action("lease.take")
def take(session: Session, name: str, holder: str) -> datetime | None:
    """Take or renew a lease. Returns when it ends, or None if another process holds it."""
    until = now() + SPAN
    taken = session.execute(
        update(Lease)
        .where(Lease.name == name, Lease.is_open_to(holder))
        .values(holder=holder, until=until)
        .returning(Lease.name),
        execution_options={"tags": (), "synchronize_session": False},
    ).first()
    return until if taken else None


@action("lease.release")
def release(session: Session, name: str, holder: str) -> None:
    """Release a lease, so that another process can take it at once."""
    session.execute(
        update(Lease).where(Lease.name == name, Lease.holder == holder).values(until=FREE),
        execution_options={"tags": (), "synchronize_session": False},
    )


def facts(session: Session, name: str) -> LeaseFacts:
    """Return who holds a lease and until when, for diagnostics."""
    row = session.get(Lease, name)
    return LeaseFacts(holder=row.holder, until=row.until) if row else LeaseFacts()
