"""Statements that make a page: compiled once, and put to the database's own driver.

SQLAlchemy writes them and converts their values, but is not asked again for each execution: what
SQLite answers in 6 µs takes 40 by its Core and 90 by its ORM, and a page has half a dozen of them.
"""

from collections import namedtuple
from collections.abc import Callable
from typing import Any

from sqlalchemy import CompoundSelect, Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

Convert = Callable[[Any], Any]


class CompiledQuery:
    """A statement with names for its values, for all databases. It holds no list of values."""

    def __init__(self, statement: Select[Any] | CompoundSelect[Any]) -> None:
        self.statement = statement
        self._compiled: dict[str, CompiledStatement] = {}

    def rows(self, session: Session, **values: Any) -> list[Any]:
        """Columns by their names, in the transaction of `session`, which is to be a reader's."""
        connection = session.connection()
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = CompiledStatement(self.statement, dialect)
        compiled = self._compiled[dialect.name]
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.sql, compiled.given(values))
            return [compiled.row(raw) for raw in cursor.fetchall()]
        except dialect.loaded_dbapi.Error as fault:
            raise _told(fault, compiled.sql, dialect) from fault
        finally:
            cursor.close()


def _told(fault: Exception, sql: str, dialect: Dialect) -> BaseException:
    """What went wrong, as SQLAlchemy would have said it."""
    return DBAPIError.instance(sql, None, fault, dialect.loaded_dbapi.Error, dialect=dialect)


class CompiledStatement:
    """The statement as one database wants it, with what turns values into its own and back."""

    def __init__(self, statement: Select[Any] | CompoundSelect[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        open_ = {name: None for name, bind in compiled.binds.items() if bind.required}
        expanded = compiled.construct_expanded_state(open_)  # with the numbers that stand in it
        self.sql = expanded.statement
        kinds = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        self._into = {name: kind.bind_processor(dialect) for name, kind in kinds.items()}
        self._order = expanded.positiontup  # None where the driver wants names
        self._constant = {
            name: self._converted(name, value)
            for name, value in compiled.params.items()
            if not compiled.binds[name].required
        }
        columns = statement.selected_columns
        kinds_of_columns = [column.type.dialect_impl(dialect) for column in columns]
        back = [kind.result_processor(dialect, None) for kind in kinds_of_columns]
        self._back = [(place, convert) for place, convert in enumerate(back) if convert]
        row: Any = namedtuple  # its fields are known only here, which no checker follows
        self._row: Convert = row("Row", [str(column.key) for column in columns])._make

    def given(self, values: dict[str, Any]) -> Any:
        into = self._constant.copy()
        for name, value in values.items():
            if name in self._into:
                into[name] = self._converted(name, value)
        return into if self._order is None else tuple(into[name] for name in self._order)

    def row(self, raw: Any) -> Any:
        values = list(raw)
        for place, convert in self._back:
            values[place] = convert(values[place])
        return self._row(values)

    def _converted(self, name: str, value: Any) -> Any:
        convert: Convert | None = self._into[name]
        return convert(value) if convert else value
