"""What each commit touched: the tags of what changed, and the facts before and after.

Collected at flush, from the values before and after, and written in the same transaction.
No act invalidates or audits by hand, so none can forget.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    ForeignKey,
    Index,
    String,
    Text,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column, sessionmaker

from blog.models.audit import bulk_guard, row_diff
from blog.models.audit.action import LONGEST
from blog.models.audit.row_diff import RecordedChange
from blog.models.base import Base, now

ONE_AT_A_TIME = 0x6368_616E  # number of the PostgreSQL advisory lock, "chan"
CHANNEL = "blog_change"  # where PostgreSQL tells of a commit
MOST_AT_ONCE = 500  # changes that are followed one by one


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
    # What the rows were called then, as `key name` on a line each; for people and for search.
    about: Mapped[str] = mapped_column(Text, default="")
    is_quiet: Mapped[bool] = mapped_column(default=False)  # nothing to tell: pages are made anew

    __table_args__ = (
        Index("ix_change_by_id_id", "by_id", "id"),
        Index("ix_change_act_id", "act", "id"),
        {"sqlite_autoincrement": True},
    )


class Touched(Base):
    """A table in which a change has told something."""

    __tablename__ = "touched"

    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("change.id"), primary_key=True)

    unaudited = True


class Mark(NamedTuple):
    """A change, told from one of the same number in another database."""

    id: int
    at: datetime


# --- on whose behalf ---

WITHHELD = "-"
_doer = ""


@contextmanager
def on_behalf_of(name: str) -> Iterator[None]:
    """What this process does that no person signs for, such as `blog import`."""
    global _doer  # one command is one process
    before, _doer = _doer, name
    try:
        yield
    finally:
        _doer = before


def withhold_address(session: Session) -> None:
    """Where a reader was is nothing for a log that keeps what it has for good."""
    session.info["ip"] = WITHHELD


def tell(session: Session, key: str, name: str, **columns: list[Any]) -> None:
    """What leaves no row behind, such as a door that stayed shut."""
    session.info["noted"].append(RecordedChange(frozenset({key}), key, name, columns))


def since(session: Session, last: Mark | None) -> tuple[Mark | None, frozenset[str] | None]:
    """The newest change, and the tags of all after `last`; None where that cannot be said.

    It cannot be where there are too many, and where `last` is not found as it was: then another
    database stands here, such as a backup of this one.
    """
    columns = select(Change.id, Change.at, Change.tags)
    if last is not None:
        rows = session.execute(
            columns.where(Change.id >= last.id).order_by(Change.id).limit(MOST_AT_ONCE)
        ).all()
        if rows and _mark(rows[0]) == last and len(rows) < MOST_AT_ONCE:
            return _mark(rows[-1]), frozenset(tag for row in rows[1:] for tag in row.tags)
    newest = session.execute(columns.order_by(Change.id.desc()).limit(1)).first()
    return (_mark(newest) if newest else None), None


def _mark(row: Any) -> Mark:
    return Mark(row.id, row.at)


def call(connection: Connection) -> None:
    """Let whoever listens hear of this transaction, at the moment it is committed."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})


# --- the hooks ---


def watch(sessions: sessionmaker[Session], engine: Engine) -> None:
    """Follow every session and every statement of a writer's engine."""
    event.listen(sessions, "after_begin", _introduce)
    event.listen(sessions, "after_transaction_create", _remember)
    event.listen(sessions, "before_flush", _flush_begins)
    event.listen(sessions, "after_flush", _collect)
    event.listen(sessions, "after_flush_postexec", _flush_ends)
    event.listen(sessions, "after_soft_rollback", _flush_ends)  # a flush that failed in a savepoint
    event.listen(sessions, "after_soft_rollback", _forget)
    event.listen(sessions, "before_commit", _write)
    event.listen(engine, "before_execute", bulk_guard.refuse_unnamed)
    event.listen(engine, "after_execute", bulk_guard.note)


def _introduce(session: Session, transaction: Any, connection: Connection) -> None:
    connection.info["session"] = session
    _prepare(session)


def _prepare(session: Session) -> None:
    session.info.setdefault("noted", [])
    session.info.setdefault("unloaded", {})
    session.info.setdefault("flushing", False)  # the first flush opens its transaction itself
    session.info.setdefault("writing", False)


def _remember(session: Session, transaction: SessionTransaction) -> None:
    """How much was noted when a savepoint was set."""
    _prepare(session)
    if transaction.nested:
        session.info.setdefault("savepoints", {})[transaction] = len(session.info["noted"])


def _forget(session: Session, transaction: SessionTransaction) -> None:
    """What was rolled back has not happened."""
    noted = session.info.setdefault("noted", [])
    if transaction.nested:
        del noted[session.info["savepoints"].pop(transaction, 0) :]


def _flush_begins(session: Session, context: Any, instances: Any) -> None:
    _prepare(session)
    row_diff.load_before(session)
    session.info["flushing"] = True


def _flush_ends(session: Session, context: Any) -> None:
    session.info["flushing"] = False


def _collect(session: Session, context: Any) -> None:
    """Tags and facts of everything in this flush."""
    for row in [*session.new, *session.dirty, *session.deleted]:
        before, after = row_diff.values(session, row)
        if changed := row_diff.differing(before, after):
            tags: set[str] = set()
            for values in filter(None, (before, after)):
                with session.no_autoflush:
                    tags |= type(row).change_tags(session, values, changed)
            session.info["noted"].append(row_diff.of(row, before, after, tags))


# --- the line itself ---


def _write(session: Session) -> None:
    """The change row itself, as the last statement of its transaction."""
    if session.in_nested_transaction():
        return  # a savepoint; the row waits for the end of the whole
    session.flush()
    noted, session.info["noted"] = session.info.get("noted", []), []
    tags, told, names = row_diff.folded(noted)
    if not (tags or told):
        return
    if session.get_bind().dialect.name == "postgresql":
        # Number 1 must not commit after number 2: who follows the table would miss it.
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
    call(session.connection())
    by = session.info.get("by")
    row = {
        "at": now(),
        "by_id": by.id if by else None,
        "by_name": by.display_name if by else _doer,
        "ip": session.info.get("ip", ""),
        "action": session.info.get("action", ""),
        "tags": sorted(tags),
        "facts": told,
        "about": "\n".join(f"{key} {name}".strip() for key, name in names.items()),
        "is_quiet": not told,
    }
    session.info["writing"] = True
    untold = {"tags": ()}
    id = session.scalar(insert(Change).values(row).returning(Change.id), execution_options=untold)
    if kinds := sorted({key.partition(":")[0] for key in told}):
        rows = [{"kind": kind, "change_id": id} for kind in kinds]
        session.execute(insert(Touched), rows, execution_options=untold)
    session.info["writing"] = False
