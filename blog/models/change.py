"""What each commit touched: the tags of what changed, and the facts before and after.

Collected at flush, from the values before and after, and written in the same transaction.
No act invalidates or audits by hand, so none can forget.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    String,
    TextClause,
    UpdateBase,
    event,
    insert,
    inspect,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.orm.base import PASSIVE_NO_INITIALIZE

from blog.models.base import Base, now

LONG = 200
CHANGING = re.compile(r"(?<!for )\b(insert|update|delete|replace|merge|truncate)\b", re.IGNORECASE)
ONE_AT_A_TIME = 0x6368_616E  # number of the PostgreSQL advisory lock, "chan"


class Change(Base):
    """One transaction that changed something. Rows are numbered in the order of their commits."""

    __tablename__ = "change"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    by_id: Mapped[int | None] = mapped_column(index=True)
    by_name: Mapped[str] = mapped_column(String(200), default="")
    ip: Mapped[str] = mapped_column(String(64), default="")
    act: Mapped[str] = mapped_column(String(100), default="")
    tags: Mapped[list[Any]] = mapped_column(default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 -- SQLAlchemy's own attribute


class Unnamed(RuntimeError):
    """A bulk statement that does not say what it touches."""


def watch(sessions: sessionmaker[Session], engine: Engine) -> None:
    """Follow every session and every statement of a writer's engine."""
    event.listen(sessions, "after_begin", _introduce)
    event.listen(sessions, "before_flush", _flush_begins)
    event.listen(sessions, "after_flush", _collect)
    event.listen(sessions, "after_flush_postexec", _flush_ends)
    event.listen(sessions, "after_soft_rollback", _flush_ends)  # a flush that failed in a savepoint
    event.listen(sessions, "before_commit", _write)
    event.listen(engine, "before_execute", _refuse_unnamed)


def _introduce(session: Session, transaction: Any, connection: Connection) -> None:
    connection.info["session"] = session
    session.info.setdefault("tags", set())
    session.info.setdefault("facts", {})
    session.info.setdefault("flushing", False)  # the first flush opens its transaction itself


def _flush_begins(session: Session, context: Any, instances: Any) -> None:
    session.info["flushing"] = True


def _flush_ends(session: Session, context: Any) -> None:
    session.info["flushing"] = False


def _refuse_unnamed(
    connection: Connection,
    statement: Any,
    multiparams: Sequence[Any],
    params: Any,
    execution_options: Any,
) -> None:
    if not (isinstance(statement, UpdateBase) or is_written_by_hand(statement)):
        return
    session = connection.info.get("session")
    tags = statement.get_execution_options().get("tags", execution_options.get("tags"))
    if session is None or (tags is None and session.info["flushing"]):
        return
    if tags is None:
        raise Unnamed(f"say execution_options(tags=…): {str(statement)[:200]}")
    session.info["tags"].update(tags)


def is_written_by_hand(statement: Any) -> bool:
    """SQL as text that changes rows."""
    return isinstance(statement, TextClause) and bool(CHANGING.search(statement.text))


def _collect(session: Session, context: Any) -> None:
    """Tags and facts of everything in this flush."""
    changed = [*session.new, *session.dirty, *session.deleted]
    for row in changed:
        before, after = _values(session, row)
        differing = {name for name in {**before, **after} if before.get(name) != after.get(name)}
        if differing:
            for values in filter(None, (before, after)):
                with session.no_autoflush:
                    session.info["tags"] |= type(row).change_tags(session, values, differing)
            _note_facts(session, row, before, after, differing)


def _values(session: Session, row: Base) -> tuple[dict[str, Any], dict[str, Any]]:
    """Column values before and after; empty where the row did not exist or is gone."""
    state = inspect(row)
    before, after = {}, {}
    for attribute in state.mapper.column_attrs:
        history = state.get_history(attribute.key, PASSIVE_NO_INITIALIZE)
        current = state.dict.get(attribute.key)
        after[attribute.key] = current
        before[attribute.key] = history.deleted[0] if history.deleted else current
        if history.added and not history.deleted:
            before[attribute.key] = None
    if row in session.new:
        before = {}
    if row in session.deleted:
        after = {}
    return before, after


def _note_facts(
    session: Session, row: Base, before: dict[str, Any], after: dict[str, Any], names: set[str]
) -> None:
    if getattr(row, "unaudited", False):
        return
    told = names - getattr(row, "audit_secret", frozenset())
    facts = {
        name: [_short(before.get(name)), _short(after.get(name))]
        for name in sorted(told)
        if before.get(name) or after.get(name)
    }
    key = ":".join(
        [
            row.__tablename__,
            *(str(part) for part in inspect(row).mapper.primary_key_from_instance(row)),
        ]
    )
    if facts:
        session.info["facts"].setdefault(key, {}).update(facts)


def _short(value: Any) -> Any:
    """A value as JSON; a long text as its length and hash."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and len(value) > LONG:
        return {"length": len(value), "sha256": hashlib.sha256(value.encode()).hexdigest()}
    if isinstance(value, (dict, list)):
        return _short(str(value)) if len(str(value)) > LONG else value
    return value


def _write(session: Session) -> None:
    """The change row itself, as the last statement of its transaction."""
    if session.in_nested_transaction():
        return  # a savepoint; the row waits for the end of the whole
    session.flush()
    tags, facts = session.info.pop("tags", set()), session.info.pop("facts", {})
    session.info.update(tags=set(), facts={})
    if not (tags or facts):
        return
    if session.get_bind().dialect.name == "postgresql":
        # Number 1 must not commit after number 2: who follows the table would miss it.
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
    by = session.info.get("by")
    row = {
        "at": now(),
        "by_id": by.id if by else None,
        "by_name": by.display_name if by else "",
        "ip": session.info.get("ip", ""),
        "act": session.info.get("act", ""),
        "tags": sorted(tags),
        "facts": facts,
    }
    session.execute(insert(Change), [row], execution_options={"tags": ()})
    session.info["tags"] = set()
