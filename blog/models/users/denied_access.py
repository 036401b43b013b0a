"""Who was not let in: a sign-in with a wrong password, a door that asks for more."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.models.audit import change_log
from blog.models.audit.action import action
from blog.models.audit.change_log import Change
from blog.models.base import now
from blog.models.users import user

# The same again within this time adds no line: nobody fills the log by knocking.
ONCE_IN = timedelta(minutes=10)
LATEST = 100


@action("access.deny_sign_in")
def note_sign_in(session: Session, login: str, why: str) -> None:
    """A login that nobody bears is not kept: it may be a password in the wrong field."""
    known = user.with_login(session, login)
    name = known.name if known else ""
    if why == "wrong" or not _is_told(session, f"signin:* {name}".strip()):
        change_log.tell(session, "signin:*", name, refused=[None, why])


@action("access.deny_page")
def note_denied_page(session: Session, path: str) -> None:
    """A page or an act of somebody who is signed in and may not."""
    name = path[:120]
    if not _is_told(session, f"door:* {name}"):
        change_log.tell(session, "door:*", name, refused=[None, True])


def _is_told(session: Session, about: str) -> bool:
    """Whether the latest entries of this action tell the same of the same person and place."""
    by = session.info.get("by")
    latest = (
        select(Change.about, Change.by_id, Change.ip)
        .where(Change.action == session.info.get("action", ""), Change.at > now() - ONCE_IN)
        .order_by(Change.id.desc())
        .limit(LATEST)
    )
    same = (about, by.id if by else None, session.info.get("ip", ""))
    return any(tuple(row) == same for row in session.execute(latest))
