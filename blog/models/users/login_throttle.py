"""Tries to sign in and asked-for mails, counted in the database: all workers count as one."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.audit.action import action
from blog.models.base import Base, now
from blog.models.users import device

WINDOW = timedelta(minutes=15)
DAY = timedelta(days=1)
LIMITS = {"login": 10, "ip": 50, "device": 10, "forgotten": 3, "asking": 20, "mailed": 6}


class Attempt(Base):
    """One try, under the login that was typed and the network it came from."""

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), index=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)

    unaudited = True

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return set()


# --- tries to sign in ---


def keys(session: Session, login: str, network: str, browser: str = "") -> dict[str, str]:
    """A browser in which this person signed in before counts alone.

    Strangers who use up the tries of a name then shut nobody out who is known.
    """
    if id := device.known(session, login, browser):
        return {"device": f"device:{id}"}
    return {"login": f"login:{_typed(login)}", "ip": f"ip:{network}"}


def _typed(login: str) -> str:
    return login.strip().casefold()[:150]


@action("attempt.count")
def claim(session: Session, login: str, network: str, browser: str = "") -> bool:
    """Count a try before it is made, so that parallel tries cannot overtake the limit."""
    return _count(session, keys(session, login, network, browser))


def _count(session: Session, counted: dict[str, str], within: timedelta = WINDOW) -> bool:
    """One more under each key; False, and none, where one of them is used up."""
    if any(_made(session, key, within) >= LIMITS[kind] for kind, key in counted.items()):
        return False
    session.add_all([Attempt(key=key) for key in counted.values()])
    return True


def _made(session: Session, key: str, within: timedelta) -> int:
    tries = select(func.count()).where(Attempt.key == key, Attempt.at > now() - within)
    return session.scalar(tries) or 0


@action("attempt.clear")
def forgive(session: Session, login: str, network: str, browser: str = "") -> None:
    """A right password takes back the tries under that login, and this one of the network's.

    From a known browser only its own: it must not give strangers new tries.
    """
    mine = keys(session, login, network, browser)
    latest = select(func.max(Attempt.id)).where(Attempt.key == mine.get("ip")).scalar_subquery()
    for which in (
        Attempt.key.in_([key for kind, key in mine.items() if kind != "ip"]),
        Attempt.id == latest,
    ):
        session.execute(delete(Attempt).where(which), execution_options={"tags": ()})


# --- forgotten passwords ---


@action("attempt.count_reset_request")
def claim_asking(session: Session, login: str, network: str) -> bool:
    """Count an asked-for mail, whether or not anybody has this login."""
    counted = {"forgotten": f"forgotten:{_typed(login)}", "asking": f"asking:{network}"}
    return _count(session, counted)


def claim_mail(session: Session, login: str, user_id: int | None) -> bool:
    """Count a mail to one person in a day, under whichever of their logins it was asked for.

    For a login that is nobody's the same rows are read and written.
    """
    return _count(session, {"mailed": f"mailed:{user_id or _typed(login)}"}, DAY)


def over() -> ColumnElement[bool]:
    """What no longer counts."""
    old = (Attempt.at < now() - WINDOW) & ~Attempt.key.startswith("mailed:")
    return old | (Attempt.at < now() - DAY)
