"""Who does the clock's work: of all processes of the blog, one at a time."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, or_, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.audit.action import action
from blog.models.base import Base, now

CLOCK = "clock"
SPAN = timedelta(seconds=30)  # longest that nothing is done after a holder was killed
# A moment beyond this is from a clock that was wrong. Not `SPAN` itself: between our look at the
# clock and our turn to write, somebody may have taken it.
ABSURD = 2 * SPAN
FREE = datetime.fromisoformat("1970-01-01T00:00:00Z")


class Lease(Base):
    """A right that one process has until a moment, unless it is renewed. Rows come by migration."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64), default="")
    until: Mapped[datetime] = mapped_column(default=FREE)

    unaudited = True

    @classmethod
    def is_open_to(cls, holder: str) -> ColumnElement[bool]:
        """Free, run out, or one's own."""
        moment = now()
        return or_(cls.holder == holder, cls.until <= moment, cls.until > moment + ABSURD)


def held_until(session: Session, name: str, holder: str) -> datetime | None:
    """None while somebody else holds it; the moment one's own ends, or `FREE` for the taking.

    A read, so that those who only wait for it never want the writer's lock.
    """
    row = session.get(Lease, name)
    moment = now()
    if row is None or row.until <= moment or row.until > moment + ABSURD:
        return FREE
    return row.until if row.holder == holder else None


@action("lease.take")
def take(session: Session, name: str, holder: str) -> datetime | None:
    """Take or renew it; the moment it ends, or None where somebody else was faster."""
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
def leave(session: Session, name: str, holder: str) -> None:
    """Give it back, so that the next one need not wait for its end."""
    session.execute(
        update(Lease).where(Lease.name == name, Lease.holder == holder).values(until=FREE),
        execution_options={"tags": (), "synchronize_session": False},
    )


def facts(session: Session, name: str) -> dict[str, Any]:
    """Who holds it and until when; for whoever looks after the installation."""
    row = session.get(Lease, name)
    return {"holder": row.holder, "until": row.until} if row else {}
