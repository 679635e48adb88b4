"""Statements as PostgreSQL's driver takes them: SQLAlchemy writes each once, psycopg sends it (ADR 23).

What SQLAlchemy does around each execution takes longer than all the rest of it; what it is good for, the
words of a statement, does not change from one request to the next.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import psycopg
import psycopg.rows
from sqlalchemy import ClauseElement, ColumnElement, Connection, CursorResult, Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from taskapi.columns import Id

# As psycopg's raw cursors take parameters.
_DIALECT = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # as it ships
# One statement is asked with so many sets of parameters at most; an INSERT has other words for each.
_MOST_SHAPES = 32

Parameters = dict[str, Any]
_MakeRow = Callable[[Sequence[Any]], Any]


class Found:
    """What a statement found or changed; asked once."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: "psycopg.RawCursor[Any]") -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def all(self) -> Sequence[Any]:
        return self._cursor.fetchall()

    def first(self) -> Any:
        return self._cursor.fetchone()

    def scalar(self) -> Any:
        """The first column of the first row, or None."""
        row = self._cursor.fetchone()
        return None if row is None else row[0]


class Prepared:
    """A statement in PostgreSQL's words, in which of the parameters `$1` is the first of `names`."""

    __slots__ = ("_given", "_make", "_names", "text")

    def __init__(self, compiled: SQLCompiler) -> None:
        self.text = compiled.string.encode()
        self._names = tuple(compiled.positiontup or ())
        # Values that are part of the statement itself.
        self._given = {
            name: compiled.params[name] for name in self._names if not compiled.binds[name].required
        }
        self._make: _MakeRow | None = None

    def sent(self, connection: "psycopg.Connection[Any]", parameters: Parameters) -> Found:
        """What it finds with these parameters. Raises psycopg.Error."""
        known = self._given | parameters if self._given else parameters
        cursor = psycopg.RawCursor(connection, row_factory=self._rows)
        return Found(cursor.execute(self.text, [known[name] for name in self._names]))

    def _rows(self, cursor: "psycopg.Cursor[Any]") -> _MakeRow:
        """Rows as SQLAlchemy's are: by name, by position, and as a dictionary."""
        if self._make is None:
            # The same words have the same columns each time.
            self._make = _row_of(psycopg.rows.namedtuple_row(cursor))
        return self._make


def _row_of(make: Any) -> _MakeRow:
    """The named tuples that psycopg makes with `make`, made without a call of Python's for each."""
    named = getattr(make, "__self__", None)
    if named is None:
        return cast("_MakeRow", make)  # Of what has no rows.
    return type(named.__name__, (named,), {"__slots__": (), "__new__": tuple.__new__})


class Direct:
    """The statements of a process that were written already; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # None where it was seen once: those that are made for one request are never seen again.
        self._known: WeakKeyDictionary[Executable, dict[tuple[str, ...], Prepared | None] | None] = (
            WeakKeyDictionary()
        )

    def execute(
        self,
        connection: Connection,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    ) -> Found | CursorResult[Any]:
        """What a statement finds. Raises DBAPIError."""
        if not isinstance(parameters, dict):
            return connection.execute(statement, parameters)
        prepared = self._prepared(statement, tuple(parameters))
        if prepared is None:
            return connection.execute(statement, parameters)
        try:
            return prepared.sent(_driver(connection), parameters)
        except psycopg.Error as error:
            raise _told(error, connection, prepared.text) from error

    def value(self, connection: Connection, text: str, values: Sequence[Any]) -> Any:
        """The first column of the first row of a text that is not sent again, None where there is no row.

        Raises DBAPIError.
        """
        cursor = psycopg.RawCursor(_driver(connection))
        try:
            row = cursor.execute(text.encode(), values, prepare=False).fetchone()
        except psycopg.Error as error:
            raise _told(error, connection, text.encode()) from error
        return None if row is None else row[0]

    def _prepared(self, statement: Executable, names: tuple[str, ...]) -> Prepared | None:
        """A statement that is sent with parameters of these names; None where SQLAlchemy has to do it."""
        shapes = self._known.get(statement)
        if shapes is not None and names in shapes:
            return shapes[names]
        return self._learnt(statement, names)

    def _learnt(self, statement: Executable, names: tuple[str, ...]) -> Prepared | None:
        with self._lock:
            if statement not in self._known:
                self._known[statement] = None
                return None
            shapes = self._known[statement]
            if shapes is None:
                shapes = self._known[statement] = {}
            if names not in shapes and len(shapes) < _MOST_SHAPES:
                shapes[names] = _prepared(statement, names)
            return shapes.get(names)


def _prepared(statement: Executable, names: tuple[str, ...]) -> Prepared | None:
    """A statement in words that leave nothing to do with parameters and rows; None where there are none."""
    assert isinstance(statement, ClauseElement)  # noqa: S101 - what could be sent, and has words
    compiled = statement.compile(dialect=_DIALECT, column_keys=sorted(names))
    return Prepared(compiled) if isinstance(compiled, SQLCompiler) and _is_plain(compiled) else None


def _is_plain(compiled: SQLCompiler) -> bool:
    """Whether it is sent as it was written: of `IN` with a list the words depend on the list."""
    made_meanwhile = (
        compiled.post_compile_params,
        compiled.literal_execute_params,
        compiled.escaped_bind_names,
        compiled.insert_prefetch,
        compiled.update_prefetch,
    )
    given = [bind.type.dialect_impl(_DIALECT).bind_processor(_DIALECT) for bind in compiled.binds.values()]
    return not any(made_meanwhile) and not any(given) and all(map(_is_taken_as_it_is, _columns(compiled)))


def _columns(compiled: SQLCompiler) -> Iterable[ColumnElement[Any]]:
    return getattr(compiled.statement, "exported_columns", ())


def _is_taken_as_it_is(column: ColumnElement[Any]) -> bool:
    kind = column.type
    # Ids come as text already (engines.py).
    return isinstance(kind, Id) or kind.dialect_impl(_DIALECT).result_processor(_DIALECT, None) is None


def _driver(connection: Connection) -> "psycopg.Connection[Any]":
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def _told(error: psycopg.Error, connection: Connection, text: bytes) -> DBAPIError:
    """An error of the driver as SQLAlchemy tells it; a connection that broke is not used again."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(cast("Any", error), cast("Any", _driver(connection)), None)
    if is_lost:
        connection.invalidate(error)
    found = DBAPIError.instance(
        text.decode(),
        None,
        error,
        psycopg.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
    assert isinstance(found, DBAPIError)  # noqa: S101 - as it was one of the driver's
    return found
