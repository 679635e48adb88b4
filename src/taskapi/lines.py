"""A connection to PostgreSQL as libpq has it, for statements that are prepared there, past cursors (ADR 28).

A cursor takes 1,300 instructions of Python a statement and gives the interpreter away four times, which
with threads that wait for it is as often to the end of their queue. A call of libpq sends a prepared
statement, waits and reads, and gives it away once. Nothing interrupts it but the end of the statement or of
the connection: so it is for processes that serve, whose statements have deadlines (overdue.py).
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

# Of as many statements the server keeps what it made of them, for each connection: those of all requests that
# are not rare, and not one for each way in which somebody can filter a list.
_MOST_PREPARED = 100
# A statement that was sent so often on a connection is prepared there, as by psycopg itself.
_OFTEN = 4
_BEGIN = b"BEGIN"
# What the server made of a statement holds no longer, as a table is another by now, or is gone.
_OUTDATED = {b"0A000", b"26000"}
_IDLE, _BAD = pq.TransactionStatus.IDLE, pq.ConnStatus.BAD
_ROWS, _FAILED = pq.ExecStatus.TUPLES_OK, frozenset({pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE})

MakeRow = Callable[[Sequence[Any]], Any]


class Found:
    """What a statement found or changed."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def all(self) -> Sequence[Any]:
        return self._rows

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def scalar(self) -> Any:
        """The first column of the first row, or None."""
        return self._rows[0][0] if self._rows else None


class Statement:
    """Words of PostgreSQL's, with `$1` for the first value."""

    __slots__ = ("formats", "make", "words")

    def __init__(self, words: str, values: int) -> None:
        self.words = words.encode()
        # Types are what the words say, whatever a value looks like: so all are sent as text.
        self.formats = [PyFormat.TEXT] * values
        # Of rows, by the names of their columns, which the same words have each time.
        self.make: MakeRow | None = None


class Line:
    """One connection; for the one thread that has it, as the connection itself is."""

    __slots__ = ("_adapting", "_driver", "_known", "_may_wait", "_pgconn", "_prepares", "_so_far")

    def __init__(self, driver: "psycopg.Connection[Any]", prepares: bool, may_wait: bool) -> None:
        """`may_wait`: whether nobody has to interrupt a statement that is under way."""
        self._driver = driver
        self._prepares = prepares and may_wait
        self._may_wait = may_wait
        self._pgconn = driver.pgconn
        self._adapting = Transformer(driver)
        # By statement its name there, or how often it was sent before it had one.
        self._known: dict[Statement, bytes | int] = {}
        self._so_far = 0

    def sent(self, statement: Statement, values: Sequence[Any]) -> Found:
        """What a statement finds. Raises psycopg.Error."""
        name = self._known.get(statement)
        if not isinstance(name, bytes):
            name = self._learnt(statement, name or 0)
        begin = self._begin()
        if name is None or begin is None:
            return self._sent_by_psycopg(statement, values)
        packed = self._adapting.dump_sequence(values, statement.formats)
        if begin:
            self._checked(self._pgconn.exec_(begin))
        result = self._pgconn.exec_prepared(name, cast("Any", packed))
        if result.status != _ROWS:
            if result.error_field(pq.DiagnosticField.SQLSTATE) in _OUTDATED:
                del self._known[statement]
            return Found((), self._checked(result).command_tuples or 0)
        self._adapting.set_pgresult(result)
        make, count = statement.make or _learn_rows(statement, result), result.ntuples
        return Found(self._adapting.load_rows(0, count, make), count)

    def _sent_by_psycopg(self, statement: Statement, values: Sequence[Any]) -> Found:
        cursor = psycopg.RawCursor(self._driver).execute(statement.words, values)
        result = cursor.pgresult
        if result is None or result.status != _ROWS:
            return Found((), cursor.rowcount)
        make = statement.make or _learn_rows(statement, result)
        return Found([make(row) for row in cursor.fetchall()], cursor.rowcount)

    def value(self, words: str, values: Mapping[str, Any]) -> Any:
        """The first column of the first row of words that are not sent again, as text; None without a row.

        `{name}` stands for a value. Where the transaction is to begin that is sent along: one way less.
        Raises psycopg.Error.
        """
        literals = {name: self._adapting.as_literal(value).decode() for name, value in values.items()}
        text = words.format(**literals).encode()
        begin = self._begin()
        if begin is None:
            row = psycopg.RawCursor(self._driver).execute(text, prepare=False).fetchone()
            return None if row is None else row[0]
        result = self._checked(self._pgconn.exec_(begin + b"; " + text if begin else text))
        found = result.get_value(0, 0) if result.ntuples else None
        return None if found is None else bytes(found).decode()

    def send_commit(self) -> None:
        """Commit what is under way, in one call; whoever began it may do so again. Raises psycopg.Error."""
        if self._may_wait and self._pgconn.transaction_status != _IDLE:
            self._checked(self._pgconn.exec_(b"COMMIT"))

    def _begin(self) -> bytes | None:
        """What has to be sent first for a transaction; None where psycopg has to send it all."""
        driver = self._driver
        if not self._may_wait:
            return None
        if driver.autocommit or self._pgconn.transaction_status != _IDLE:
            return b""
        is_plain = driver.isolation_level is None and driver.read_only is None and driver.deferrable is None
        return _BEGIN if is_plain else None

    def _learnt(self, statement: Statement, times: int) -> bytes | None:
        """The name of a statement that is prepared now; None where it is not sent often."""
        if not self._prepares:
            return None
        if times < _OFTEN:
            if not times:
                self._forget_some()
            self._known[statement] = times + 1
            return None
        self._so_far += 1
        name = b"taskapi_%d" % self._so_far
        self._checked(self._pgconn.prepare(name, statement.words))
        self._known[statement] = name
        return name

    def _forget_some(self) -> None:
        """Make room for one more: whatever came first is prepared anew if it is still in use."""
        while len(self._known) >= _MOST_PREPARED:
            name = self._known.pop(next(iter(self._known)))
            if isinstance(name, bytes):
                self._checked(self._pgconn.close_prepared(name))

    def _checked(self, result: "pq.abc.PGresult") -> "pq.abc.PGresult":
        """Raises psycopg.Error where it is none."""
        if result.status in _FAILED:
            if self._pgconn.status == _BAD:
                raise psycopg.OperationalError(self._pgconn.get_error_message())
            raise error_from_result(cast("Any", result))
        return result


def _learn_rows(statement: Statement, result: "pq.abc.PGresult") -> MakeRow:
    names = [(result.fname(place) or b"").decode() for place in range(result.nfields)]
    statement.make = row_of(names)
    return statement.make


def row_of(names: Sequence[str]) -> MakeRow:
    """Rows as SQLAlchemy's are, by name, by position and as a dictionary, made without a call of Python's."""
    named: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024 - a statement's names
    return cast("MakeRow", type("Row", (named,), {"__slots__": (), "__new__": tuple.__new__}))
