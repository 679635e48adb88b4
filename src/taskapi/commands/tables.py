"""How lists are printed: lines for people, JSON for scripts."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import click
import orjson

# C0 but for tabs and ends of lines, DEL and C1.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def print_json(value: Any) -> None:
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, int], as_json: bool) -> None:
    """Some columns of each row, each padded to its width; or all of all rows as one array."""
    if as_json:
        print_json(list(rows))
        return
    for row in rows:
        cells = (f"{_shown(row[name]):{width}}" for name, width in columns.items())
        click.echo("  ".join(cells).rstrip())


def print_fields(row: Mapping[str, Any], as_json: bool) -> None:
    """One thing, a field in each line."""
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        click.echo(f"{name:16} {_shown(value)}")


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, orjson.Fragment | dict):
        return orjson.dumps(value).decode()
    # What people wrote must not move the cursor or colour the terminal.
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value))


def harmless(text: str) -> str:
    """A text in lines, without what would move the cursor or colour the terminal."""
    return _CONTROL.sub("\ufffd", text)
