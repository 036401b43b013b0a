"""Checks on statements that change many rows at once.

The unit of work sees only rows that go through a flush. A bulk INSERT, UPDATE or DELETE, or SQL
written as text, passes it by. Such a statement must therefore name what it changes in its execution
options, or it is rejected:

- `tags`: the cache tags of what changes; may be empty
- `facts`: optional; what changed, as `{"table:id": {column: [before, after]}}`. Without it, the
  table, the number of rows and the new values are recorded.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from operator import eq
from typing import Any, Final, TypeAlias, TypeGuard

from sqlalchemy import (
    BinaryExpression,
    BindParameter,
    Connection,
    CursorResult,
    Delete,
    Executable,
    Insert,
    TextClause,
    Update,
    UpdateBase,
)

from blog.models.audit import row_diff
from blog.models.audit.row_diff import RecordedChange
from blog.models.audit.session import session_of
from blog.models.base import Base

# "FOR UPDATE" only locks rows.
CHANGING = re.compile(r"(?<!for )\b(insert|update|delete|replace|merge|truncate)\b", re.IGNORECASE)
VERBS: dict[type, str] = {Insert: "added", Update: "changed", Delete: "deleted"}
LOG_TABLES = ("change", "touched")
# The options of the statements that write the entry of a transaction into the log.
LOG_ENTRY: Final = {"tags": (), "is_log_entry": True}

Parameters: TypeAlias = Mapping[str, object]
Options: TypeAlias = Mapping[str, Any]
AnyResult: TypeAlias = CursorResult[*tuple[Any, ...]]


class UntaggedStatement(RuntimeError):
    """A bulk statement without the execution option `tags`."""


class LogIsReadOnly(RuntimeError):
    """A statement that would change the audit log."""


def check(
    connection: Connection,
    statement: Executable,
    multiparams: Sequence[Parameters],
    params: Parameters,
    execution_options: Options,
) -> None:
    """Reject a bulk statement that names no tags or changes the audit log (`before_execute`).

    Raises `UntaggedStatement` or `LogIsReadOnly`.
    """
    if not changes_rows(statement):
        return
    session = session_of(connection)
    if session is None:
        return
    if _changes_the_log(statement, execution_options):
        raise LogIsReadOnly(f"the audit log must not be changed: {str(statement)[:200]}")
    if _option(statement, execution_options, "tags") is None and not session.is_flushing:
        raise UntaggedStatement(
            f"bulk statements need execution_options(tags=…): {str(statement)[:200]}"
        )


def changes_rows(statement: Executable) -> TypeGuard[UpdateBase | TextClause]:
    """Whether a statement is an INSERT, UPDATE or DELETE, or text that contains one."""
    if isinstance(statement, TextClause):
        return bool(CHANGING.search(statement.text))
    return isinstance(statement, UpdateBase)


def _changes_the_log(statement: UpdateBase | TextClause, execution_options: Options) -> bool:
    """Whether a statement changes the log other than by adding the entry of its transaction."""
    if isinstance(statement, TextClause):
        return bool(re.search(rf"\b({'|'.join(LOG_TABLES)})\b", statement.text, re.IGNORECASE))
    is_log = getattr(statement.table, "name", "") in LOG_TABLES
    is_entry = _option(statement, execution_options, "is_log_entry")
    return is_log and not (isinstance(statement, Insert) and is_entry)


def _option(statement: Executable, execution_options: Options, name: str) -> Any:
    return statement.get_execution_options().get(name, execution_options.get(name))


def record(
    connection: Connection,
    statement: Executable,
    multiparams: Sequence[Parameters],
    params: Parameters,
    execution_options: Options,
    result: AnyResult,
) -> None:
    """Record what a bulk statement did, unless it matched no row (`after_execute`)."""
    session = session_of(connection)
    if session is None or not changes_rows(statement):
        return
    tags: Collection[str] = _option(statement, execution_options, "tags") or ()
    facts: row_diff.Facts = _option(statement, execution_options, "facts") or {}
    rows = _row_count(statement, multiparams, result)
    if not (tags or facts) or rows == 0:
        return
    recorded = session.recorded
    recorded.append(RecordedChange(frozenset(tags)))
    recorded += [RecordedChange(frozenset(), key, "", columns) for key, columns in facts.items()]
    if isinstance(statement, UpdateBase) and not facts:
        recorded.append(_bulk_change(statement, rows))


def _row_count(
    statement: Executable, multiparams: Sequence[Parameters], result: AnyResult
) -> int | None:
    """Return the number of changed rows; None if the driver does not report it."""
    if isinstance(statement, Insert) or result.returns_rows or result.rowcount < 0:
        return len(multiparams) if isinstance(statement, Insert) and len(multiparams) > 1 else None
    return int(result.rowcount)


def _bulk_change(statement: UpdateBase, rows: int | None) -> RecordedChange:
    """Describe a bulk statement by its table, its number of rows and the values it assigned."""
    table = statement.table
    table_name = str(getattr(table, "name", ""))
    model: type[Base] | None = next(
        (
            mapper.class_
            for mapper in Base.registry.mappers
            if getattr(mapper.local_table, "name", "") == table_name
        ),
        None,
    )
    if model is None or model.unaudited:
        return RecordedChange()
    assigned = {
        name: row_diff.SECRET if name in model.audit_secret else row_diff.to_json_value(value)
        for name, value in statement.compile().params.items()
        if name in table.columns and not isinstance(statement, Insert)
    }
    columns = {name: [None, value] for name, value in assigned.items()}
    verb = next(word for kind, word in VERBS.items() if isinstance(statement, kind))
    key = f"{table_name}:{_row_id(statement)}"
    return RecordedChange(frozenset(), key, "", {verb: [None, rows or True], **columns})


def _row_id(statement: UpdateBase) -> str:
    """Return the id of the row that `WHERE id = …` selects; `*` for any other condition."""
    condition = getattr(statement, "whereclause", None)
    for clause in getattr(condition, "clauses", (condition,)):
        if not isinstance(clause, BinaryExpression) or clause.operator is not eq:
            continue
        is_id = getattr(clause.left, "key", "") == "id"
        if is_id and isinstance(clause.right, BindParameter):
            return str(clause.right.value)
    return "*"
