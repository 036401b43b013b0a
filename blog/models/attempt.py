"""Failed tries to sign in, counted in the database so that all workers count as one."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.base import Base, now

WINDOW = timedelta(minutes=15)
LIMITS = {"login": 10, "ip": 50}


class Attempt(Base):
    """One failed try, under the login that was typed and the network it came from."""

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), index=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)

    unaudited = True

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return set()


def keys(login: str, network: str) -> dict[str, str]:
    return {"login": f"login:{login.strip().casefold()[:150]}", "ip": f"ip:{network}"}


def is_throttled(session: Session, login: str, network: str) -> bool:
    since = now() - WINDOW
    for kind, key in keys(login, network).items():
        tries = select(func.count()).where(Attempt.key == key, Attempt.at > since)
        if (session.scalar(tries) or 0) >= LIMITS[kind]:
            return True
    return False


def claim(session: Session, login: str, network: str) -> bool:
    """Count a try before it is made, so that parallel tries cannot overtake the limit."""
    if is_throttled(session, login, network):
        return False
    session.add_all([Attempt(key=key) for key in keys(login, network).values()])
    return True


def forgive(session: Session, login: str, network: str) -> None:
    """A right password takes back the tries under that login, and this one of the network's."""
    mine = keys(login, network)
    latest = select(func.max(Attempt.id)).where(Attempt.key == mine["ip"]).scalar_subquery()
    for which in (Attempt.key == mine["login"], Attempt.id == latest):
        session.execute(delete(Attempt).where(which), execution_options={"tags": ()})


def sweep(session: Session) -> None:
    old = delete(Attempt).where(Attempt.at < now() - WINDOW)
    session.execute(old, execution_options={"tags": ()})
