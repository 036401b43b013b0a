"""The session of a transaction that writes: who runs it, and what it has changed so far.

The hooks in `change_log` and `bulk_guard` fill it and write the log entry from it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session, SessionTransaction

from blog.models.audit.row_diff import Overwritten, RecordedChange

if TYPE_CHECKING:  # `user` imports this package
    from blog.models.users.user import User

KEY = "session"  # in the dictionary that SQLAlchemy keeps for each connection


@dataclass(frozen=True)
class Actor:
    """Who runs a transaction, as the audit log stores it.

    `user` is None for visitors, commands and scheduled tasks; `command` is the name of a command,
    such as `blog import`. `signin_id` is the id of the user's login session, which must still be
    valid when the transaction starts; None requires no session.
    """

    user: "User | None" = None
    ip: str = ""
    signin_id: int | None = None
    command: str = ""


class AuditedSession(Session):
    """A session that knows who uses it, and for which action.

    `recorded` are the changes so far. `recorded_before` is their number at the start of each open
    savepoint. `overwritten` has the values that the current flush replaces. `is_flushing` is true
    while SQLAlchemy writes changed objects, whose changes are recorded row by row.
    """

    def __init__(self, *, actor: Actor, action: str, **options: Any) -> None:
        super().__init__(**options)
        self.actor = actor
        self.action = action
        self.recorded: list[RecordedChange] = []
        self.recorded_before: dict[SessionTransaction, int] = {}
        self.overwritten: Overwritten = {}
        self.is_flushing = False


def audited(session: Session) -> AuditedSession:
    """Return the session as an `AuditedSession`. Raises `TypeError` for one that only reads."""
    if not isinstance(session, AuditedSession):
        raise TypeError("only a transaction that writes has a log entry")
    return session


def attach(session: AuditedSession, connection: Connection) -> None:
    """Make a session known to the hooks of the engine, which are passed the connection only."""
    connection.info[KEY] = session


def session_of(connection: Connection) -> AuditedSession | None:
    """Return the session that was attached to a connection."""
    session: AuditedSession | None = connection.info.get(KEY)
    return session
