"""Counting what is sent to the database."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

from taskapi.parts import Parts
from tests.people import Answer

# SQLite's dialect quotes the column's name, PostgreSQL's does not.
_LOOK_UP = ('SELECT epochs."key"', "SELECT epochs.key")


class Statements:
    """The statements that calls send; those that ask for epochs are told apart."""

    def __init__(self, parts: Parts) -> None:
        database = parts.database
        # On PostgreSQL readers use the writers' engine with an option, and its events.
        engines = (database._writing, database._reading) if database.is_sqlite else (database._writing,)
        self._engines: tuple[Engine, ...] = engines
        self.sent: list[str] = []

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.sent.append(statement)

    def during(self, call: Callable[[], Answer]) -> Answer:
        """What a call answered; `sent` holds its statements."""
        self.sent.clear()
        for engine in self._engines:
            event.listen(engine, "before_cursor_execute", self._note)
        try:
            return call()
        finally:
            for engine in self._engines:
                event.remove(engine, "before_cursor_execute", self._note)

    @property
    def own(self) -> int:
        """How many the last call sent for itself."""
        return len([sent for sent in self.sent if not sent.startswith(("BEGIN", *_LOOK_UP))])

    @property
    def of_epochs(self) -> int:
        """How many it sent to know its caller and what is current."""
        return sum(sent.startswith(_LOOK_UP) for sent in self.sent)
