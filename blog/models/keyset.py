"""Keyset pagination: cursors that say where a page of a list starts.

A page starts after the last row of the previous one rather than at an offset. The thousandth page
therefore costs as much as the first, and a row that is added meanwhile does not shift others onto
another page.
"""

import base64
import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, SQLColumnExpression, and_, or_
from sqlalchemy.types import NullType, TypeEngine

from blog.models.base import UTCTime

# A row with any columns: what a list selects is known only to the module that declares it.
ListRow = Row[*tuple[Any, ...]]
Column = SQLColumnExpression[object]
CursorValue = str | int | float | datetime


def beyond(by: Column, key: Column, position: str, is_down: bool) -> ColumnElement[bool]:
    """Return the condition for rows after a cursor, in descending or ascending order.

    Raises `LookupError` for an invalid cursor.
    """
    value, id = _read(position, _python_type(by.label(None).type))
    if by is key:  # a single comparison lets the database use the index
        return and_(key < id if is_down else key > id)
    if is_down:
        return or_(by < value, and_(by == value, key < id))
    return or_(by > value, and_(by == value, key > id))


def _python_type(column_type: TypeEngine[Any]) -> type:
    """Return the Python type of a column; a text function such as `lower(…)` has NullType."""
    if isinstance(column_type, UTCTime):
        return datetime
    return str if isinstance(column_type, NullType) else column_type.python_type


def cursor(row: ListRow) -> str:
    """Encode the position of a row: its sort value and its key, as JSON in URL-safe base64."""
    value = row.order_.isoformat() if isinstance(row.order_, datetime) else row.order_
    text = json.dumps([value, row.key_], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(position: str, expected: type) -> tuple[CursorValue, int]:
    """Decode a cursor to a sort value of the expected type and a key.

    Raises `LookupError` for anything that `cursor` does not produce.
    """
    try:
        value, id = json.loads(base64.urlsafe_b64decode(position + "=" * (-len(position) % 4)))
        value = _read_time(value) if expected is datetime else value
        is_valid = type(value) is expected and "\0" not in str(value).encode().decode()
        if is_valid and type(id) is int and abs(id) < 2**31:
            return value, id
    except (ValueError, TypeError, RecursionError) as error:
        raise LookupError(position) from error
    raise LookupError(position)


def _read_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return time
