"""What changed in one row: its columns before and after, without secret values.

A model class controls what is recorded about its rows with these class attributes:

- `unaudited`: nothing but the tags
- `audit_secret`: columns whose values are replaced by `SECRET`
- `audit_ignored`: columns that are not recorded
- `audit_whole`: columns whose long values are recorded in full, not as length and hash
- `audit_by_columns`: the row is named after its changed columns
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import inspect, select
from sqlalchemy.orm import InstanceState, Session
from sqlalchemy.orm.base import NO_VALUE, PASSIVE_NO_INITIALIZE

from blog.models.base import Base

LONG = 200  # characters; a longer text is stored as its length and hash
MOST_ENTRIES = 50  # changed entries of a dictionary; with more, it is recorded as a whole
SECRET = {"secret": True}
# The columns that can name a row, in order of preference.
NAMES = ("title", "display_name", "original", "name", "path", "email", "to")
LONGEST_NAME = 120

Values: TypeAlias = dict[str, object]  # column -> value
Overwritten: TypeAlias = dict[InstanceState[Any], Values]  # a changed object -> stored values
Diff: TypeAlias = dict[str, list[object]]  # column -> [before, after], as JSON values
Facts: TypeAlias = dict[str, Diff]  # key of a row -> what changed in it


class RecordedChange(NamedTuple):
    """What one flush or one bulk statement did to one row, or to several rows of one table.

    `key` is `table:id`, or `table:*` for several rows; `name` is what the row is called.
    """

    tags: frozenset[str] = frozenset()
    key: str = ""
    name: str = ""
    columns: Mapping[str, list[object]] = {}
    is_new: bool = False


class MergedChanges(NamedTuple):
    """All changes of a transaction: tags, facts and the name of each row, by its key."""

    tags: set[str]
    facts: Facts
    names: dict[str, str]


def values(session: Session, row: Base, overwritten: Overwritten) -> tuple[Values, Values]:
    """Return the column values before and after a flush.

    `overwritten` is what `overwritten_values` returned before the flush.
    The first is empty for a new row, the second for a deleted one.
    """
    state = inspect(row)
    before: Values = {}
    after: Values = {}
    stored = overwritten.get(state, {})
    for attribute in state.mapper.column_attrs:
        key = attribute.key
        history = state.get_history(key, PASSIVE_NO_INITIALIZE)
        before[key] = after[key] = state.dict.get(key)
        if history.deleted:
            before[key] = history.deleted[0]
        elif history.added:
            before[key] = stored.get(key)
    return ({} if row in session.new else before), ({} if row in session.deleted else after)


def overwritten_values(session: Session) -> Overwritten:
    """Read the stored values of columns that were overwritten without having been loaded.

    Called before a flush, because they cannot be read afterwards.
    """
    overwritten: Overwritten = {}
    for row in session.dirty:
        state: InstanceState[Base] = inspect(row)
        missing = [key for key, old in state.committed_state.items() if old is NO_VALUE]
        columns = [attribute for attribute in state.mapper.column_attrs if attribute.key in missing]
        if columns and state.identity:
            identity = zip(state.mapper.primary_key, state.identity, strict=True)
            query = select(*(attribute.class_attribute for attribute in columns))
            with session.no_autoflush:
                result = session.execute(
                    query.where(*(column == value for column, value in identity))
                )
            names = (attribute.key for attribute in columns)
            overwritten[state] = dict(zip(names, result.one(), strict=True))
    return overwritten


def record_row(row: Base, before: Values, after: Values, tags: Iterable[str]) -> RecordedChange:
    """Compare the values of a row before and after a flush, as its class wants them recorded."""
    tags = frozenset(tags)
    if row.unaudited:
        return RecordedChange(tags)
    columns: Diff = {}
    for name in sorted(differing(before, after) - row.audit_ignored):
        pair = [before.get(name), after.get(name)]
        if name in row.audit_secret:
            columns[name] = [SECRET if value else None for value in pair]
        else:
            columns |= _column_diff(name, pair, whole=name in row.audit_whole)
    if not (before and after):  # empty values of an added or deleted row are no information
        columns = {name: pair for name, pair in columns.items() if pair[0] or pair[1]}
    name = " ".join(columns) if row.audit_by_columns else _row_name({**before, **after})
    return RecordedChange(tags, _row_key(row), name, columns, not before)


def differing(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    """Return the names whose values differ; a missing value counts as None."""
    return {name for name in {**before, **after} if before.get(name) != after.get(name)}


def _column_diff(name: str, pair: list[object], *, whole: bool) -> Diff:
    """Return a pair of values as JSON values; for dictionaries, each entry that differs."""
    if any(isinstance(value, dict) for value in pair):
        old, new = (value if isinstance(value, dict) else {} for value in pair)
        entries = differing(old, new)
        if len(entries) <= MOST_ENTRIES:
            return {
                f"{name}.{entry}": _stored([old.get(entry), new.get(entry)], whole=whole)
                for entry in sorted(entries)
            }
    return {name: _stored(pair, whole=whole)}


def _stored(pair: list[object], *, whole: bool) -> list[object]:
    return pair if whole else [to_json_value(value) for value in pair]


def to_json_value(value: object) -> object:
    """Return a value as a JSON value; a long text becomes its length and hash."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return {"length": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, str) and len(value) > LONG:
        return {"length": len(value), "sha256": hashlib.sha256(value.encode()).hexdigest()}
    if isinstance(value, (dict, list)):
        return to_json_value(str(value)) if len(str(value)) > LONG else value
    return value


def _row_key(row: Base) -> str:
    identity = inspect(row).mapper.primary_key_from_instance(row)
    return ":".join((row.__tablename__, *map(str, identity)))


def _row_name(values: Values) -> str:
    """Return the name of a row in one line; empty if it has none."""
    name = next((str(values[name]) for name in NAMES if values.get(name)), "")
    return " ".join(name.split())[:LONGEST_NAME]


def merge(changes: Iterable[RecordedChange]) -> MergedChanges:
    """Merge the changes of a transaction: each column has its first and its last value."""
    tags: set[str] = set()
    facts: Facts = {}
    names: dict[str, str] = {}
    new_keys: set[str] = set()
    for change in changes:
        tags |= change.tags
        if change.is_new:
            new_keys.add(change.key)
        row = facts.setdefault(change.key, {})
        for name, (before, after) in change.columns.items():
            first = None if change.key in new_keys else before
            row[name] = [row[name][0] if name in row else first, after]
        if change.columns:
            names[change.key] = change.name or names.get(change.key, "")
    changed = {key: _without_unchanged(columns) for key, columns in facts.items()}
    changed = {key: columns for key, columns in changed.items() if columns}
    return MergedChanges(tags, changed, {key: names[key] for key in changed})


def _without_unchanged(columns: Diff) -> Diff:
    """Leave out columns that are back at their first value.

    A secret is kept, because its old and new values look the same.
    """
    return {name: pair for name, pair in columns.items() if pair[0] != pair[1] or pair[0] == SECRET}
