"""COPY: the fastest way of many rows into PostgreSQL."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table


def copy_in(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write rows, each with its values in the order of the columns; all of them or none.

    Our columns hold numbers and text alone, so that no value needs to be made fit for its column.
    """
    quote = connection.dialect.identifier_preparer.quote
    named = ", ".join(quote(column) for column in columns)
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {quote(table.name)} ({named}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
