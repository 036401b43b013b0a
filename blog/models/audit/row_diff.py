"""What became of each row in a transaction: its columns before and after, without its secrets."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import inspect, select
from sqlalchemy.orm import InstanceState, Session
from sqlalchemy.orm.base import NO_VALUE, PASSIVE_NO_INITIALIZE

from blog.models.base import Base

LONG = 200
MANY = 50  # entries of a dictionary; what changes more of them is told as a whole
SECRET = {"secret": True}
# By what a row is called, the first that it has.
NAMES = ("title", "display_name", "original", "name", "path", "email", "to")
Values = dict[str, Any]
Facts = dict[str, dict[str, list[Any]]]


class RecordedChange(NamedTuple):
    """What one flush, or one bulk statement, did to one row, or to those of a table."""

    tags: frozenset[str] = frozenset()
    key: str = ""
    name: str = ""
    columns: Mapping[str, list[Any]] = {}
    is_new: bool = False


def values(session: Session, row: Base) -> tuple[Values, Values]:
    """Column values before and after; empty where the row did not exist or is gone."""
    state = inspect(row)
    before, after = {}, {}
    unloaded = session.info["unloaded"].pop(state, {})
    for attribute in state.mapper.column_attrs:
        key = attribute.key
        history = state.get_history(key, PASSIVE_NO_INITIALIZE)
        before[key] = after[key] = state.dict.get(key)
        if history.deleted:
            before[key] = history.deleted[0]
        elif history.added:
            before[key] = unloaded.get(key)
    return ({} if row in session.new else before), ({} if row in session.deleted else after)


def load_before(session: Session) -> None:
    """What is overwritten without having been read, for the last time that it can be known."""
    for row in session.dirty:
        state: InstanceState[Any] = inspect(row)
        missing = [key for key, old in state.committed_state.items() if old is NO_VALUE]
        columns = [attribute for attribute in state.mapper.column_attrs if attribute.key in missing]
        if columns and state.identity:
            keys = zip(state.mapper.primary_key, state.identity, strict=True)
            query = select(*(one.class_attribute for one in columns))
            with session.no_autoflush:
                found = session.execute(query.where(*(column == value for column, value in keys)))
            session.info["unloaded"][state] = dict(
                zip((one.key for one in columns), found.one(), strict=True)
            )


def of(row: Base, before: Values, after: Values, tags: Iterable[str]) -> RecordedChange:
    """What is told of a row."""
    tags = frozenset(tags)
    if getattr(row, "unaudited", False):
        return RecordedChange(tags)
    secret: frozenset[str] = getattr(row, "audit_secret", frozenset())
    whole: frozenset[str] = getattr(row, "audit_whole", frozenset())
    columns: dict[str, list[Any]] = {}
    for name in sorted(differing(before, after) - getattr(row, "audit_ignored", frozenset())):
        pair = [before.get(name), after.get(name)]
        if name in secret:
            columns[name] = [SECRET if value else None for value in pair]
        else:
            columns |= _told(name, pair, whole=name in whole)
    if not (before and after):  # of a row that came or went, what was empty says nothing
        columns = {name: pair for name, pair in columns.items() if pair[0] or pair[1]}
    by_columns = getattr(row, "audit_by_columns", False)
    name = " ".join(columns) if by_columns else _name({**before, **after})
    return RecordedChange(tags, _key(row), name, columns, not before)


def differing(before: Values, after: Values) -> set[str]:
    return {name for name in {**before, **after} if before.get(name) != after.get(name)}


def _told(name: str, pair: list[Any], *, whole: bool) -> dict[str, list[Any]]:
    """A pair of values as JSON; of a dictionary, each entry that differs."""
    if any(isinstance(value, dict) for value in pair):
        was, is_ = (value if isinstance(value, dict) else {} for value in pair)
        entries = differing(was, is_)
        if len(entries) <= MANY:
            told = same if whole else short
            return {
                f"{name}.{entry}": [told(was.get(entry)), told(is_.get(entry))]
                for entry in sorted(entries)
            }
    return {name: pair if whole else [short(value) for value in pair]}


def same(value: Any) -> Any:
    return value


def short(value: Any) -> Any:
    """A value as JSON; a long text as its length and hash."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return {"length": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, str) and len(value) > LONG:
        return {"length": len(value), "sha256": hashlib.sha256(value.encode()).hexdigest()}
    if isinstance(value, (dict, list)):
        return short(str(value)) if len(str(value)) > LONG else value
    return value


def _key(row: Base) -> str:
    identity = inspect(row).mapper.primary_key_from_instance(row)
    return ":".join((row.__tablename__, *map(str, identity)))


def _name(values: Values) -> str:
    """What the row is called; "" where it has no name."""
    found = next((str(values[name]) for name in NAMES if values.get(name)), "")
    return " ".join(found.split())[:120]


def folded(noted: Iterable[RecordedChange]) -> tuple[set[str], Facts, dict[str, str]]:
    """All tags; what stood in each column at first and at last; what the rows are called."""
    tags: set[str] = set()
    facts: Facts = {}
    names: dict[str, str] = {}
    new: set[str] = set()
    for one in noted:
        tags |= one.tags
        new |= {one.key} if one.is_new else set()
        row = facts.setdefault(one.key, {})
        for name, (before, after) in one.columns.items():
            first = None if one.key in new else before
            row[name] = [row[name][0] if name in row else first, after]
        if one.columns:
            names[one.key] = one.name or names.get(one.key, "")
    kept = {key: _moved(columns) for key, columns in facts.items()}
    kept = {key: columns for key, columns in kept.items() if columns}
    return tags, kept, {key: names[key] for key in kept}


def _moved(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Without what came back to where it was. A secret that was replaced looks the same."""
    return {name: pair for name, pair in columns.items() if pair[0] != pair[1] or pair[0] == SECRET}
