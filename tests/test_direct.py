"""Statements that the driver of PostgreSQL is given as they are: the same rows and the same errors."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Select, bindparam, insert, literal, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from taskapi.connections import Session
from taskapi.db import Database
from taskapi.epochs import Epoch
from taskapi.lines import Line, Statement
from taskapi.parts import Parts


@pytest.fixture(scope="module")
def database(make_app: Callable[..., Flask]) -> Database:
    parts: Parts = make_app("postgresql").extensions["taskapi"]
    return parts.database


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the driver was given directly."""
    sent: list[str] = []
    send = Line.sent

    def note(line: Line, statement: Statement, values: Any) -> Any:
        sent.append(statement.words.decode())
        return send(line, statement, values)

    monkeypatch.setattr(Line, "sent", note)
    return sent


def _some() -> Select[str, int, int]:
    keys = Epoch.key.startswith(bindparam("prefix"))
    return select(Epoch.key, Epoch.value, literal(7).label("seven")).where(keys).order_by(Epoch.key)


def _fill(database: Database, *values: int) -> str:
    prefix = f"x{uuid4().hex}"
    with database.writer() as session:
        for value in values:
            session.run(insert(Epoch), {"key": f"{prefix} {value}", "value": value})
    return prefix


def test_the_first_time_sqlalchemy_sends_it_and_then_the_driver_with_the_same_rows(
    database: Database, direct: list[str]
) -> None:
    prefix, statement = _fill(database, 1, 2, 3), _some()
    direct.clear()
    with database.reader() as session:
        first = session.rows(statement, prefix=prefix)
        assert direct == []
        for number in (1, 2):
            rows = session.rows(statement, prefix=prefix)
            assert len(direct) == number
            assert [row._asdict() for row in rows] == [row._asdict() for row in first]
            assert [tuple(row) for row in rows] == [tuple(row) for row in first]
            assert (rows[0].key, rows[0].seven, rows[0].value) == (f"{prefix} 1", 7, 1)
        assert session.row(statement, prefix=prefix) == rows[0]
        assert session.value(statement, prefix=prefix) == rows[0].key
        assert session.row(statement, prefix="nobody") is None
        assert session.value(statement, prefix="nobody") is None
        assert len(direct) == 6


def test_a_change_tells_how_many_rows_it_changed(database: Database, direct: list[str]) -> None:
    prefix = _fill(database, 1, 2, 3)
    statement = update(Epoch).where(Epoch.key.startswith(bindparam("of"))).values(value=9)
    with database.writer() as session:
        for of, count in ((prefix, 3), (prefix, 3), ("nobody", 0)):
            assert session.run(statement, {"of": of}) == count
    assert len(direct) == 2


def test_an_insert_has_words_for_each_set_of_columns(database: Database, direct: list[str]) -> None:
    statement, prefix = insert(Epoch), uuid4().hex
    with database.writer() as session:
        for number in range(3):
            session.run(statement, {"key": f"{prefix} {number}", "value": number})
            session.run(statement, {"value": number, "key": f"{prefix} other {number}"})
        assert set(direct) == {"INSERT INTO epochs (key, value) VALUES ($1::VARCHAR, $2::BIGINT)"}
        assert session.value(text("SELECT count(*) FROM epochs WHERE key LIKE :like"), like=f"{prefix}%") == 6


def test_what_depends_on_its_values_is_left_to_sqlalchemy(database: Database, direct: list[str]) -> None:
    prefix = _fill(database, 1, 2, 3)
    statement = select(Epoch.value).where(Epoch.key.in_(bindparam("keys", expanding=True)))
    direct.clear()
    with database.reader() as session:
        for values in ((1,), (1, 2), (1, 2, 3), (1,)):
            keys = [f"{prefix} {value}" for value in values]
            assert len(session.rows(statement, keys=keys)) == len(values)
        many = [{"key": f"{prefix} {number}", "value": number} for number in range(7, 9)]
    with database.writer() as session:
        session.run(insert(Epoch), many)
    assert direct == []


def test_a_statement_made_for_one_request_is_kept_nowhere(database: Database) -> None:
    remote = database._remote
    assert remote is not None
    with database.reader() as session:
        before = len(remote.direct._known)
        for _ in range(100):
            session.rows(_some(), prefix="nobody")
        assert len(remote.direct._known) <= before + 1


def test_errors_are_told_as_sqlalchemy_tells_them_and_show_no_values(
    database: Database, direct: list[str]
) -> None:
    statement = insert(Epoch)
    prefix = _fill(database, 1)
    for _ in range(3):
        session = database.new_writer()
        with pytest.raises(IntegrityError) as caught:
            session.run(statement, {"key": f"{prefix} 1", "value": 1})
        assert caught.value.orig is not None
        assert caught.value.orig.sqlstate == "23505"  # type: ignore[attr-defined]  # as psycopg has it
        assert not caught.value.connection_invalidated
        assert prefix not in str(caught.value).partition("DETAIL")[0]
        session.close()
    wrong = text("SELECT nothing FROM epochs")
    for _ in range(3):
        with database.reader() as reader, pytest.raises(ProgrammingError):
            reader.value(wrong)
    assert direct.count(wrong.text) == 2


def test_a_connection_that_ends_under_a_statement_is_not_used_again(
    database: Database, direct: list[str]
) -> None:
    own = text("SELECT pg_backend_pid()")
    end = text("SELECT pg_terminate_backend(:own)")

    def backend(session: Session) -> int:
        return int(session.value(own))

    with database.reader() as reader:
        for _ in range(2):
            backend(reader)
    with database.reader() as killer:
        killer.value(end, own=0)
        for _ in range(2):
            session = database.new_writer()
            gone = backend(session)
            killer.value(end, own=gone)
            with pytest.raises(OperationalError) as caught:
                backend(session)
            assert caught.value.connection_invalidated
            session.close()
            with database.writer() as next_one:
                assert backend(next_one) != gone
    assert own.text in direct
