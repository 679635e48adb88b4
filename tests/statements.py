"""Counting what is sent to the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from taskapi.lines import Line, Statement
from taskapi.parts import Parts
from tests.people import Answer

# SQLite's dialect quotes the column's name, PostgreSQL's does not.
_LOOK_UP = ('SELECT epochs."key"', "SELECT epochs.key")


@contextmanager
def heard(engines: tuple[Engine, ...], note: Callable[[str, Any], None]) -> Iterator[None]:
    """Each statement that is sent meanwhile, with its parameters: by SQLAlchemy, or to the driver itself."""
    send, ask = Line.sent, Line.value

    def note_event(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        note(statement, parameters)

    def note_sent(line: Line, statement: Statement, values: Any) -> Any:
        note(statement.words.decode(), values)
        return send(line, statement, values)

    def note_value(line: Line, words: str, values: Any) -> Any:
        note(words, values)
        return ask(line, words, values)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note_event)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Line, "sent", note_sent)
            patch.setattr(Line, "value", note_value)
            yield
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note_event)


class Statements:
    """The statements that calls send; those that ask for epochs are told apart."""

    def __init__(self, parts: Parts) -> None:
        database = parts.database
        # On PostgreSQL readers use the writers' engine with an option, and its events.
        engines = (database._writing, database._reading) if database.is_sqlite else (database._writing,)
        self._engines: tuple[Engine, ...] = engines
        self.sent: list[str] = []

    def during(self, call: Callable[[], Answer]) -> Answer:
        """What a call answered; `sent` holds its statements."""
        self.sent.clear()
        with heard(self._engines, lambda statement, _: self.sent.append(statement)):
            return call()

    @property
    def own(self) -> int:
        """How many the last call sent for itself."""
        return len([sent for sent in self.sent if not sent.startswith(("BEGIN", *_LOOK_UP))])

    @property
    def of_epochs(self) -> int:
        """How many it sent to know its caller and what is current."""
        return sum(sent.startswith(_LOOK_UP) for sent in self.sent)
