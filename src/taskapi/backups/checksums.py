"""Checksums of tables: equal for equal rows, in whatever order and on whichever engine they are."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import orjson
from pydantic import BaseModel
from sqlalchemy import Connection, inspect, text

_MODULUS = 1 << 256


class TableSum(BaseModel):
    """How many rows a table has, and the sum of their digests over these columns."""

    columns: list[str]
    rows: int
    checksum: str


def tables_of(connection: Connection) -> dict[str, TableSum]:
    """The checksums of all tables, as this connection's transaction sees them."""
    found = inspect(connection)
    return {
        name: sum_of(connection, name, sorted(column["name"] for column in found.get_columns(name)))
        for name in sorted(found.get_table_names())
    }


def sum_of(connection: Connection, table: str, columns: list[str]) -> TableSum:
    """The checksum of one table over some of its columns."""
    quote = connection.dialect.identifier_preparer.quote
    statement = f"SELECT {', '.join(map(quote, columns))} FROM {quote(table)}"  # noqa: S608 - quoted names
    rows = connection.execute(text(statement), execution_options={"yield_per": 5_000})
    count, total = 0, 0
    for row in rows:
        count += 1
        total += int.from_bytes(sha256(_bytes_of(row)).digest())
    return TableSum(columns=columns, rows=count, checksum=f"{total % _MODULUS:064x}")


def _bytes_of(row: Iterable[Any]) -> bytes:
    """A row as bytes; what the engines' drivers give differently is made equal."""
    return orjson.dumps([_value_of(value) for value in row])


def _value_of(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value
