"""Rate limits for sign-in attempts and password reset emails.

Attempts are counted in the database, so the limits hold across all workers.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Base, Refusal, now
from blog.models.users import device

WINDOW = timedelta(minutes=15)
DAY = timedelta(days=1)
# The number of attempts per kind of key: within `WINDOW`, but "mailed" within `DAY`.
LIMITS = {"login": 10, "ip": 50, "device": 10, "forgotten": 3, "asking": 20, "mailed": 6}


class TooManyAttempts(Refusal):
    """The throttle for passwords is reached."""

    def __init__(self) -> None:
        super().__init__(N_("Too many attempts. Wait a few minutes and try again."))


class Attempt(Base):
    """One attempt, under a key such as `login:ann` or `ip:192.0.2.1`."""

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), index=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)

    unaudited = True


# --- sign-in attempts ---


def keys(session: Session, login: str, network: str, browser: str = "") -> dict[str, str]:
    """Return the keys, by kind, under which an attempt counts.

    A recognized device (`browser` is its key) counts by itself, so that strangers who use up the
    attempts of a login do not lock out its owner. Other attempts count by login and network.
    """
    device_id = device.known(session, login, browser)
    if device_id:
        return {"device": f"device:{device_id}"}
    return {"login": f"login:{_normalized(login)}", "ip": f"ip:{network}"}


def _normalized(login: str) -> str:
    return login.strip().casefold()[:150]


@action("attempt.count")
def count_attempt(session: Session, login: str, network: str, browser: str = "") -> bool:
    """Count a sign-in attempt; returns False, without counting it, if a limit is reached.

    Call it before checking the password, so that parallel attempts cannot exceed the limit.
    """
    return _count(session, keys(session, login, network, browser))


def _count(session: Session, keys_by_kind: dict[str, str], window: timedelta = WINDOW) -> bool:
    """Add an attempt under each key, or none if one of them has reached its limit."""
    if any(_attempts(session, key, window) >= LIMITS[kind] for kind, key in keys_by_kind.items()):
        return False
    session.add_all([Attempt(key=key) for key in keys_by_kind.values()])
    return True


def _attempts(session: Session, key: str, window: timedelta) -> int:
    number = select(func.count()).where(Attempt.key == key, Attempt.at > now() - window)
    return session.scalar(number) or 0


@action("attempt.clear")
def clear_attempts(session: Session, login: str, network: str, browser: str = "") -> None:
    """Delete the attempts of a login after a correct password, and the network's latest one.

    On a recognized device only its own attempts are deleted, or strangers would get new ones.
    """
    counted = keys(session, login, network, browser)
    latest = select(func.max(Attempt.id)).where(Attempt.key == counted.get("ip")).scalar_subquery()
    for condition in (
        Attempt.key.in_([key for kind, key in counted.items() if kind != "ip"]),
        Attempt.id == latest,
    ):
        session.execute(delete(Attempt).where(condition), execution_options={"tags": ()})


# --- password resets ---


@action("attempt.count_reset_request")
def count_reset_request(session: Session, login: str, network: str) -> bool:
    """Count a request for a reset link, whether or not the login exists.

    Returns False, without counting it, if a limit is reached.
    """
    keys_by_kind = {"forgotten": f"forgotten:{_normalized(login)}", "asking": f"asking:{network}"}
    return _count(session, keys_by_kind)


def count_reset_mail(session: Session, login: str, user_id: int | None) -> bool:
    """Count a reset email to a user, whichever of their logins was typed; per day.

    Runs the same queries for an unknown login, so that timing reveals nothing. Returns False,
    without counting it, if the limit is reached.
    """
    return _count(session, {"mailed": f"mailed:{user_id or _normalized(login)}"}, DAY)


def over() -> ColumnElement[bool]:
    """Return the condition for attempts that no longer count."""
    old = (Attempt.at < now() - WINDOW) & ~Attempt.key.startswith("mailed:")
    return old | (Attempt.at < now() - DAY)
