"""Statements that change many rows at once: refused unless they name what they touch, then told."""

import re
from collections.abc import Sequence
from operator import eq
from typing import Any

from sqlalchemy import BindParameter, Connection, Delete, Insert, TextClause, Update, UpdateBase
from sqlalchemy.orm import Session

from blog.models.audit import row_diff
from blog.models.audit.row_diff import RecordedChange
from blog.models.base import Base

CHANGING = re.compile(r"(?<!for )\b(insert|update|delete|replace|merge|truncate)\b", re.IGNORECASE)
VERBS: dict[type, str] = {Insert: "added", Update: "changed", Delete: "deleted"}
LOG = ("change", "touched")


class Unnamed(RuntimeError):
    """A bulk statement that does not say what it touches."""


class Untouchable(RuntimeError):
    """A statement that would rewrite what is written here."""


def refuse_unnamed(
    connection: Connection,
    statement: Any,
    multiparams: Sequence[Any],
    params: Any,
    execution_options: Any,
) -> None:
    if not (isinstance(statement, UpdateBase) or is_written_by_hand(statement)):
        return
    session = connection.info.get("session")
    if session is None:
        return
    if rewrites_the_log(statement, session):
        raise Untouchable(f"the audit log must not be changed: {str(statement)[:200]}")
    if _option(statement, execution_options, "tags") is None and not session.info["flushing"]:
        raise Unnamed(f"bulk statements need execution_options(tags=…): {str(statement)[:200]}")


def is_written_by_hand(statement: Any) -> bool:
    """SQL as text that changes rows."""
    return isinstance(statement, TextClause) and bool(CHANGING.search(statement.text))


def rewrites_the_log(statement: Any, session: Session) -> bool:
    """Lines are added, by the hook and by nobody else; none is changed or taken away."""
    if isinstance(statement, TextClause):
        return bool(re.search(rf"\b({'|'.join(LOG)})\b", statement.text, re.IGNORECASE))
    named = getattr(statement.table, "name", "") in LOG
    return named and not (isinstance(statement, Insert) and session.info["writing"])


def _option(statement: Any, execution_options: Any, name: str) -> Any:
    return statement.get_execution_options().get(name, execution_options.get(name))


def note(
    connection: Connection,
    statement: Any,
    multiparams: Sequence[Any],
    params: Any,
    execution_options: Any,
    result: Any,
) -> None:
    """What a statement has done to rows that no flush has seen. What found no row, did nothing."""
    session = connection.info.get("session")
    if session is None or not (isinstance(statement, UpdateBase) or is_written_by_hand(statement)):
        return
    tags = _option(statement, execution_options, "tags")
    told = _option(statement, execution_options, "facts") or {}
    rows = _count(statement, multiparams, result)
    if not (tags or told) or rows == 0:
        return
    noted = session.info["noted"]
    noted.append(RecordedChange(frozenset(tags or ())))
    noted += [RecordedChange(frozenset(), key, "", columns) for key, columns in told.items()]
    if isinstance(statement, UpdateBase) and not told:
        noted.append(_of_many(statement, rows))


def _count(statement: Any, multiparams: Sequence[Any], result: Any) -> int | None:
    """How many rows; None where the driver cannot tell."""
    if isinstance(statement, Insert) or result.returns_rows or result.rowcount < 0:
        return len(multiparams) if isinstance(statement, Insert) and len(multiparams) > 1 else None
    return int(result.rowcount)


def _of_many(statement: Any, rows: int | None) -> RecordedChange:
    """The table, the number of rows, and the values that they were given."""
    table = statement.table
    model = next(
        (m for m in Base.registry.mappers if getattr(m.local_table, "name", "") == table.name), None
    )
    if model is None or getattr(model.class_, "unaudited", False):
        return RecordedChange()
    secret: frozenset[str] = getattr(model.class_, "audit_secret", frozenset())
    given = {
        name: row_diff.SECRET if name in secret else row_diff.short(value)
        for name, value in statement.compile().params.items()
        if name in table.columns and not isinstance(statement, Insert)
    }
    columns = {name: [None, value] for name, value in given.items()}
    verb = next(word for kind, word in VERBS.items() if isinstance(statement, kind))
    key = f"{table.name}:{_only(statement)}"
    return RecordedChange(frozenset(), key, "", {verb: [None, rows or True], **columns})


def _only(statement: Any) -> str:
    """The id of the one row that a statement is about; `*` where there may be several."""
    clause: Any = getattr(statement, "whereclause", None)
    for one in getattr(clause, "clauses", (clause,)):
        left, right = getattr(one, "left", None), getattr(one, "right", None)
        is_id = getattr(left, "key", "") == "id" and getattr(one, "operator", None) is eq
        if is_id and isinstance(right, BindParameter):
            return str(right.value)
    return "*"
