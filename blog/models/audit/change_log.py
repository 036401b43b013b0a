"""The log of all changes: one row per transaction, with what it changed and who ran it.

Session hooks collect the column values before and after each flush, and write the row as the last
statement of the same transaction. No function invalidates a cache or writes the audit log itself,
so none can forget to.
"""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    ForeignKey,
    Index,
    Row,
    String,
    Text,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.orm import (
    Mapped,
    Session,
    SessionTransaction,
    UOWTransaction,
    mapped_column,
    sessionmaker,
)

from blog.models.audit import bulk_guard, row_diff
from blog.models.audit.action import LONGEST
from blog.models.audit.bulk_guard import LOG_ENTRY
from blog.models.audit.row_diff import MergedChanges, RecordedChange
from blog.models.audit.session import AuditedSession, attach, audited
from blog.models.base import Base, now

if TYPE_CHECKING:  # `user` imports this package
    from blog.models.users.user import User

COMMIT_LOCK = 0x6368_616E  # number of the PostgreSQL advisory lock, "chan"
CHANNEL = "blog_change"  # PostgreSQL notifies listeners of a commit on it
MOST_FOLLOWED = 500  # changes; a reader that is further behind invalidates everything


class Change(Base):
    """One transaction that changed something. Rows are numbered in the order of their commits."""

    __tablename__ = "change"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    by_id: Mapped[int | None]
    by_name: Mapped[str] = mapped_column(String(200), default="")
    ip: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column("act", String(LONGEST), default="")
    tags: Mapped[list[Any]] = mapped_column(default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # The changed rows by their names at that time, one `key name` per line, to show and to search.
    about: Mapped[str] = mapped_column(Text, default="")
    is_quiet: Mapped[bool] = mapped_column(default=False)  # has tags for the cache, but no facts

    __table_args__ = (
        Index("ix_change_by_id_id", "by_id", "id"),
        Index("ix_change_act_id", "act", "id"),
        {"sqlite_autoincrement": True},
    )


class Touched(Base):
    """A table in which a change has facts, to filter the audit log by kind."""

    __tablename__ = "touched"

    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("change.id"), primary_key=True)

    unaudited = True


class Mark(NamedTuple):
    """The position of a reader of the log.

    The time tells a change from the one with the same number in another database.
    """

    id: int
    at: datetime


# --- who and what ---

WITHHELD = "-"  # stored instead of an IP address


def attribute_to(session: Session, user: "User") -> None:
    """Log this transaction as one of this user, who has just proved who they are."""
    writer = audited(session)
    writer.actor = replace(writer.actor, user=user)


def withhold_address(session: Session) -> None:
    """Do not log the IP address of this transaction, because the log is kept permanently."""
    writer = audited(session)
    writer.actor = replace(writer.actor, ip=WITHHELD)


def record_event(session: Session, key: str, name: str, **columns: list[object]) -> None:
    """Log an event that changes no row, such as a denied access."""
    audited(session).recorded.append(RecordedChange(frozenset({key}), key, name, columns))


def since(session: Session, last: Mark | None) -> tuple[Mark | None, frozenset[str] | None]:
    """Return the newest change, and the tags of all changes after `last`.

    The tags are None if they cannot be determined: if there are too many changes, or if `last` is
    not in the log as it was. The latter means that the database was replaced, for example by a
    backup of it.
    """
    columns = select(Change.id, Change.at, Change.tags)
    if last is not None:
        rows = session.execute(
            columns.where(Change.id >= last.id).order_by(Change.id).limit(MOST_FOLLOWED)
        ).all()
        if rows and _mark(rows[0]) == last and len(rows) < MOST_FOLLOWED:
            return _mark(rows[-1]), frozenset(tag for row in rows[1:] for tag in row.tags)
    newest = session.execute(columns.order_by(Change.id.desc()).limit(1)).first()
    return (_mark(newest) if newest else None), None


def _mark(row: Row[int, datetime, list[Any]]) -> Mark:
    return Mark(row.id, row.at)


def notify_listeners(connection: Connection) -> None:
    """Notify listeners on PostgreSQL when this transaction commits."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})


# --- the hooks ---


def register_hooks(sessions: sessionmaker[AuditedSession], engine: Engine) -> None:
    """Register the hooks on the sessions and the engine of the writer."""
    event.listen(sessions, "after_begin", _attach_session)
    event.listen(sessions, "after_transaction_create", _start_savepoint)
    event.listen(sessions, "before_flush", _flush_begins)
    event.listen(sessions, "after_flush", _collect)
    event.listen(sessions, "after_flush_postexec", _flush_ends)
    event.listen(sessions, "after_soft_rollback", _flush_ends)  # a flush that failed in a savepoint
    event.listen(sessions, "after_soft_rollback", _roll_back)
    event.listen(sessions, "before_commit", _write)
    event.listen(engine, "before_execute", bulk_guard.check)
    event.listen(engine, "after_execute", bulk_guard.record)


def _attach_session(
    session: AuditedSession, transaction: SessionTransaction, connection: Connection
) -> None:
    attach(session, connection)


def _start_savepoint(session: AuditedSession, transaction: SessionTransaction) -> None:
    """Remember how many changes were recorded before a savepoint."""
    if transaction.nested:
        session.recorded_before[transaction] = len(session.recorded)


def _roll_back(session: AuditedSession, transaction: SessionTransaction) -> None:
    """Drop the changes that were recorded since a savepoint that is rolled back."""
    if transaction.nested:
        del session.recorded[session.recorded_before.pop(transaction, 0) :]


def _flush_begins(session: AuditedSession, context: UOWTransaction, instances: object) -> None:
    session.overwritten = row_diff.overwritten_values(session)
    session.is_flushing = True


def _flush_ends(session: AuditedSession, context: UOWTransaction | SessionTransaction) -> None:
    session.is_flushing = False


def _collect(session: AuditedSession, context: UOWTransaction) -> None:
    """Record the tags and facts of every row in this flush."""
    for row in [*session.new, *session.dirty, *session.deleted]:
        before, after = row_diff.values(session, row, session.overwritten)
        if changed := row_diff.differing(before, after):
            tags: set[str] = set()
            for values in filter(None, (before, after)):
                with session.no_autoflush:
                    tags |= type(row).change_tags(session, values, changed)
            session.recorded.append(row_diff.record_row(row, before, after, tags))


# --- the log entry ---


def _write(session: AuditedSession) -> None:
    """Write the log entry, as the last statement of its transaction."""
    if session.in_nested_transaction():
        return  # a savepoint is released; the entry is written when the transaction commits
    session.flush()
    changes = row_diff.merge(session.recorded)
    session.recorded.clear()
    if not (changes.tags or changes.facts):
        return
    if session.get_bind().dialect.name == "postgresql":
        # Number 1 must not commit after number 2, or a reader that has seen 2 would miss it.
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": COMMIT_LOCK})
    notify_listeners(session.connection())
    entry = insert(Change).values(_entry(session, changes)).returning(Change.id)
    id = session.scalar(entry, execution_options=LOG_ENTRY)
    if kinds := sorted({key.partition(":")[0] for key in changes.facts}):
        rows = [{"kind": kind, "change_id": id} for kind in kinds]
        session.execute(insert(Touched), rows, execution_options=LOG_ENTRY)


def _entry(session: AuditedSession, changes: MergedChanges) -> dict[str, object]:
    """Return the column values of a log entry."""
    user = session.actor.user
    return {
        "at": now(),
        "by_id": user.id if user else None,
        "by_name": user.display_name if user else session.actor.command,
        "ip": session.actor.ip,
        "action": session.action,
        "tags": sorted(changes.tags),
        "facts": changes.facts,
        "about": "\n".join(f"{key} {name}".strip() for key, name in changes.names.items()),
        "is_quiet": not changes.facts,
    }
