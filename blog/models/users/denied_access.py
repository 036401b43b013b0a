"""Log entries about denied access: failed sign-ins, and pages that a user may not open."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.models.audit import change_log
from blog.models.audit.action import action
from blog.models.audit.change_log import Change
from blog.models.base import now
from blog.models.users import user
from blog.models.users.user import User

# The same denial within this time is not logged again, so that nobody can flood the log.
REPEAT_AFTER = timedelta(minutes=10)
SIGN_IN, PAGE = "access.deny_sign_in", "access.deny_page"  # actions
LATEST = 100  # log entries that are searched for the same denial


@action(SIGN_IN)
def note_sign_in(session: Session, login: str, why: str, *, by: User | None, ip: str) -> None:
    """Log a failed sign-in from an address; `why` is "wrong" for a wrong password.

    `by` is who is signed in already, if anyone. An unknown login is not stored, because it may be a
    password typed into the wrong field.
    """
    account = user.find_by_login(session, login)
    name = account.name if account else ""
    about = f"signin:* {name}".strip()
    if why == "wrong" or not _is_logged(session, SIGN_IN, about, by, ip):
        change_log.record_event(session, "signin:*", name, refused=[None, why])


@action(PAGE)
def note_denied_page(session: Session, path: str, *, by: User, ip: str) -> None:
    """Log that a user who is signed in tried to open a page without permission."""
    name = path[:120]
    if not _is_logged(session, PAGE, f"door:* {name}", by, ip):
        change_log.record_event(session, "door:*", name, refused=[None, True])


def _is_logged(session: Session, denial: str, about: str, by: User | None, ip: str) -> bool:
    """Return whether the latest log entries have the same denial, user and IP address."""
    latest = (
        select(Change.about, Change.by_id, Change.ip)
        .where(Change.action == denial, Change.at > now() - REPEAT_AFTER)
        .order_by(Change.id.desc())
        .limit(LATEST)
    )
    same = (about, by.id if by else None, ip)
    return any(tuple(row) == same for row in session.execute(latest))
