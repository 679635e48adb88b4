"""Statements as PostgreSQL's driver takes them: SQLAlchemy writes each once, psycopg sends it (ADR 23).

What SQLAlchemy does around each execution takes longer than all the rest of it; what it is good for, the
words of a statement, does not change from one request to the next.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import ClauseElement, ColumnElement, Connection, CursorResult, Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from taskapi.columns import Id
from taskapi.lines import Found, Line, Statement

# As psycopg's raw cursors take parameters.
_DIALECT = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # as it ships
# One statement is asked with so many sets of parameters at most; an INSERT has other words for each.
_MOST_SHAPES = 32

# In what the pool knows of a connection.
_LINE = "taskapi.line"

Parameters = dict[str, Any]


class Prepared:
    """A statement in PostgreSQL's words, in which of the parameters `$1` is the first of `names`."""

    __slots__ = ("_given", "_statement", "_values")

    def __init__(self, compiled: SQLCompiler) -> None:
        names = compiled.positiontup or ()
        self._statement = Statement(compiled.string, len(names))
        self._values = _values_of(names)
        # Values that are part of the statement itself.
        self._given = {name: compiled.params[name] for name in names if not compiled.binds[name].required}

    @property
    def words(self) -> bytes:
        return self._statement.words

    def sent(self, line: Line, parameters: Parameters) -> Found:
        """What it finds with these parameters. Raises psycopg.Error."""
        known = self._given | parameters if self._given else parameters
        return line.sent(self._statement, self._values(known))


def _values_of(names: Sequence[str]) -> Callable[[Parameters], Sequence[Any]]:
    """The parameters of these names, in this order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda parameters: [parameters[name] for name in names]


class Direct:
    """The statements of a process that were written already; safe from any thread."""

    def __init__(self, prepares: bool, may_wait: bool) -> None:
        """`prepares`: whether connections remember statements, so that no pooler is in between.

        `may_wait`: whether nobody has to interrupt a statement that is under way (lines.py).
        """
        self._prepares = prepares
        self._may_wait = may_wait
        self._lock = threading.Lock()
        # None where it was seen once: those that are made for one request are never seen again.
        self._known: WeakKeyDictionary[Executable, dict[tuple[str, ...], Prepared | None] | None] = (
            WeakKeyDictionary()
        )

    def line(self, connection: Connection) -> Line:
        """What statements are sent on; made once for a connection of the driver."""
        line: Line | None = connection.info.get(_LINE)
        if line is None:
            line = connection.info[_LINE] = Line(_driver(connection), self._prepares, self._may_wait)
        return line

    def execute(
        self,
        connection: Connection,
        line: Line,
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
            return prepared.sent(line, parameters)
        except psycopg.Error as error:
            raise _told(error, connection, prepared.words) from error

    def value(self, connection: Connection, line: Line, words: str, values: Parameters) -> Any:
        """The first column of the first row of words that are not sent again, as text, None without a row.

        Raises DBAPIError.
        """
        try:
            return line.value(words, values)
        except psycopg.Error as error:
            raise _told(error, connection, words.encode()) from error

    def send_commit(self, connection: Connection, line: Line) -> None:
        """Commit what is under way; SQLAlchemy has to be told. Raises DBAPIError."""
        try:
            line.send_commit()
        except psycopg.Error as error:
            raise _told(error, connection, b"COMMIT") from error

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
