"""Copying tables from SQLite to PostgreSQL in batches, each of which stays when the next one is never made.

Rows go in the order of their primary keys, so that the last one there says where to go on. While a move has
not ended the target has no schema version: no release starts on it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    String,
    Table,
    collate,
    func,
    inspect,
    text,
    tuple_,
)
from sqlalchemy import select as select_from

from taskapi import schema
from taskapi.backups.checksums import TableSum, sum_of
from taskapi.columns import Id
from taskapi.db import Database, Session
from taskapi.errors import BadStart
from taskapi.postgres_copy import copy_in

_BATCH = 5_000
# Any number, the same in every release: two moves into one database exclude each other.
_ADVISORY_LOCK = 7_264_733_110

Tell = Callable[[int, int], None]


def count_rows(source: Session) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: int(source.value(select_from(func.count()).select_from(table))) for table in _tables()
    }


def move(source: Session, target: Database, named: str, tell: Tell) -> dict[str, TableSum]:
    """Bring every row over; the checksums of all tables, equal on both sides.

    `source` is a writer that was begun: as long as it is open nobody changes anything there. `named` is what
    it is known by, since only its own move can be gone on with. `tell` is told how many rows are over, and of
    how many. Raises BadStart.
    """
    with _alone(target):
        _prepare(target, named)
        total, done = sum(count_rows(source).values()), _rows_there(target)
        tell(done, total)
        for table in _tables():
            for copied in _copy(source, target, table):
                done += copied
                tell(done, total)
        sums = _compared(source, target)
        _finish(target)
    return sums


def require_empty_or_begun(target: Database, named: str) -> None:
    """Raises BadStart unless the target is empty, or a move from this very source has begun there."""
    with target.schema_connection() as connection:
        if not inspect(connection).get_table_names():
            return
        begun = "moving" in inspect(connection).get_table_names()
        source = connection.scalar(text("SELECT source FROM moving")) if begun else None
    if source is None:
        raise BadStart(
            "TO: the database has tables, and is never overwritten; make an empty one (`createdb NAME`)"
        )
    if source != named:
        raise BadStart(
            f"TO: a move from {source} has begun there and not ended; go on with that, or name an empty one"
        )


def _tables() -> Sequence[Table]:
    """All tables, each behind those it refers to."""
    return schema.METADATA.sorted_tables


@contextmanager
def _alone(target: Database) -> Iterator[None]:
    with target.schema_connection() as guard:
        if not guard.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK}):
            raise BadStart("TO: another move into this database is under way; wait for its end")
        # Ends that statement's snapshot, for which the indexes of the schema would wait.
        guard.exec_driver_sql("SAVEPOINT held")
        yield


def _prepare(target: Database, named: str) -> None:
    """The tables, without the version that lets a release start on them; killed anywhere, done again."""
    require_empty_or_begun(target, named)
    with target.schema_connection() as connection, connection.begin():
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS moving (source text NOT NULL, is_prepared bool NOT NULL)")
        )
        is_prepared = connection.scalar(text("SELECT is_prepared FROM moving"))
        if is_prepared is None:
            connection.execute(text("INSERT INTO moving VALUES (:source, false)"), {"source": named})
    if is_prepared:
        return
    schema.migrate(target)
    with target.schema_connection() as connection, connection.begin():
        connection.execute(text("UPDATE moving SET is_prepared = true"))
        connection.execute(text("DELETE FROM alembic_version"))


def _rows_there(target: Database) -> int:
    with target.schema_connection() as connection:
        counts = [select_from(func.count()).select_from(table) for table in _tables()]
        return sum(int(connection.scalar(count) or 0) for count in counts)


def _finish(target: Database) -> None:
    with target.schema_connection() as connection, connection.begin():
        connection.execute(text("DROP TABLE moving"))
        connection.execute(
            text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": schema.head()}
        )
        connection.execute(text("ANALYZE"))


def _copy(source: Session, target: Database, table: Table) -> Iterator[int]:
    """Copy the rows of one table that are not there yet; after each batch how many it were."""
    with target.schema_connection() as connection:
        after: Sequence[Any] | None = connection.execute(_last_of(table)).first()
    while rows := _rows_after(source, table, after):
        with target.schema_connection() as connection, connection.begin():
            copy_in(connection, table, [column.name for column in table.columns], rows)
        after = tuple(getattr(rows[-1], column.name) for column in table.primary_key)
        yield len(rows)


def _last_of(table: Table) -> Any:
    keys = [_as_sqlite_orders(column) for column in table.primary_key]
    return select_from(*table.primary_key).order_by(*(key.desc() for key in keys)).limit(1)


def _as_sqlite_orders(column: Column[Any]) -> ColumnElement[Any]:
    """By bytes; ids are in the same order as uuid and as the text of one."""
    is_text = isinstance(column.type, String) and not isinstance(column.type, Id)
    return collate(column, "C") if is_text else column


def _rows_after(source: Session, table: Table, after: Sequence[Any] | None) -> Sequence[Row[Any]]:
    wanted = select_from(table).order_by(*table.primary_key).limit(_BATCH)
    if after is not None:
        wanted = wanted.where(tuple_(*table.primary_key) > tuple_(*after))
    return source.rows(wanted)


def _compared(source: Session, target: Database) -> dict[str, TableSum]:
    """The checksums of all tables. Raises BadStart where one is not the same on both sides."""
    sums = {}
    with target.schema_connection() as connection:
        for table in _tables():
            columns = sorted(column.name for column in table.columns)
            sums[str(table.name)] = sum_of(source.connection, table.name, columns)
            if sum_of(connection, table.name, columns) != sums[str(table.name)]:
                raise BadStart(
                    f"TO: the table {table.name} is not the same there, somebody changed it during the move; "
                    "make an empty database and move again"
                )
    return sums
