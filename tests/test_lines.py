"""Statements that a process prepares on PostgreSQL itself: the same answers, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import TextClause, bindparam, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from taskapi import epochs, lines
from taskapi.connections import Session
from taskapi.db import Database
from taskapi.epochs import Epoch
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.parts import Parts
from tests.servers import clean_environment

# SQLAlchemy sends a statement the first time, then it is sent so often before it is prepared.
OFTEN = 1 + lines._OFTEN
_PREPARED = "SELECT count(*) FROM pg_prepared_statements"


@pytest.fixture(scope="module")
def database(make_app: Callable[..., Flask]) -> Database:
    parts: Parts = make_app("postgresql").extensions["taskapi"]
    return parts.database


def _count(session: Session) -> int:
    # Words of their own each time, which are never prepared.
    return int(session.value(text(f"{_PREPARED} /* {uuid4()} */")))


def _fresh(database: Database) -> Session:
    """A session on a connection that nobody has used."""
    assert database._limits is not None
    database._limits.empty()
    database._writing.dispose()
    return database.new_writer()


def _often(session: Session, statement: TextClause, **values: object) -> None:
    for _ in range(OFTEN + 1):
        session.value(statement, **values)


def test_what_is_sent_often_is_prepared_and_answers_as_before(database: Database) -> None:
    session, statement = _fresh(database), text("SELECT CAST(:one AS bigint) + 1")
    for time_of in range(OFTEN + 3):
        assert session.value(statement, one=time_of) == time_of + 1
        assert _count(session) == (time_of >= OFTEN), time_of
    session.close()


def test_a_number_has_the_type_of_its_column_whatever_its_size(database: Database) -> None:
    key = f"x{uuid4().hex}"
    change = update(Epoch).where(Epoch.key == bindparam("of")).values(value=bindparam("new"))
    look = select(Epoch.value).where(Epoch.key == bindparam("of"), Epoch.value == bindparam("new"))
    with database.writer() as session:
        session.run(insert(Epoch), {"key": key, "value": 0})
        for new in (1, 2, 3, 4, 5, 6, 2**15, 2**31, 2**62, -1, 0):
            assert session.run(change, {"of": key, "new": new}) == 1
            assert session.value(look, of=key, new=new) == new


def test_a_transaction_that_is_rolled_back_leaves_what_is_prepared(database: Database) -> None:
    session, statement = _fresh(database), text("SELECT CAST(:one AS bigint) + 2")
    _often(session, statement, one=1)
    # Words that depend on a value are sent by psycopg, which would prepare them, and then forget all.
    among = select(Epoch.value).where(Epoch.key.in_(bindparam("keys", expanding=True)))
    for _ in range(10):
        session.value(among, keys=["nobody"])
    before = _count(session)
    session.run(insert(Epoch), {"key": f"x{uuid4().hex}", "value": 1})
    session.close()
    again = database.new_writer()
    assert _count(again) == before == 1
    assert again.value(statement, one=5) == 7
    again.close()


def test_a_statement_that_fails_is_not_prepared_twice(database: Database) -> None:
    """What clients can make fail again and again would else fill the server."""
    key, statement = f"x{uuid4().hex}", insert(Epoch)
    with database.writer() as session:
        session.run(statement, {"key": key, "value": 1})
    for _ in range(OFTEN + 5):
        session = database.new_writer()
        with pytest.raises(IntegrityError):
            session.run(statement, {"key": key, "value": 1})
        session.close()
    session = database.new_writer()
    names = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO epochs%'")
    assert session.value(names) <= 1
    session.close()


def test_there_are_never_more_than_so_many_and_all_answer(database: Database) -> None:
    session = _fresh(database)
    statements = [
        text(f"SELECT CAST(:one AS bigint) + {number}") for number in range(lines._MOST_PREPARED + 20)
    ]
    for number, statement in enumerate(statements):
        _often(session, statement, one=1)
        assert session.value(statement, one=1) == number + 1
    assert lines._MOST_PREPARED - 5 <= _count(session) <= lines._MOST_PREPARED
    # Those that made way are prepared again.
    for number, statement in enumerate(statements):
        assert session.value(statement, one=2) == number + 2
    session.close()


def test_a_statement_whose_table_is_another_by_now_fails_once(database: Database) -> None:
    statement = text("SELECT * FROM changing")
    with database.writer() as session:
        session.run(text("CREATE TABLE changing (one int)"))
        session.run(text("INSERT INTO changing VALUES (7)"))
    reader = database.new_reader()
    for _ in range(OFTEN + 2):
        assert reader.value(statement) == 7
    with database.writer() as session:
        session.run(text("ALTER TABLE changing ALTER one TYPE text"))
    with pytest.raises(DBAPIError, match="cached plan"):
        reader.value(statement)
    assert reader.value(statement) == "7"
    reader.close()
    with database.writer() as session:
        session.run(text("DROP TABLE changing"))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=60),
    st.integers(1, 1000),
)
def test_an_epoch_of_any_name_is_moved_and_rolled_back(database: Database, key: str, by: int) -> None:
    """Its statement has the name in its words, and begins the transaction."""
    key = f"\N{BULLET}{key}"
    with database.writer() as session:
        first = epochs.move(session, key, by)
    with database.reader() as reader:
        assert epochs.look_up(reader, [key]) == {key: first}
    undone = database.new_writer()
    assert epochs.move(undone, key, by) >= first + by
    undone.close()
    with database.reader() as reader:
        assert epochs.look_up(reader, [key]) == {key: first}


def test_behind_a_pooler_that_cannot_nothing_is_prepared(make_app: Callable[..., Flask]) -> None:
    parts: Parts = make_app("postgresql", TASKAPI_PREPARED_STATEMENTS="false").extensions["taskapi"]
    with parts.database.writer() as session:
        _often(session, text("SELECT CAST(:one AS bigint) + 3"), one=1)
        epochs.move(session, f"x{uuid4().hex}")
        assert _count(session) == 0


_COMMAND = """
from sqlalchemy import text
from taskapi.db import Database
from taskapi.settings import load_settings

sleep = text("SELECT pg_sleep(:long)")
with Database(load_settings()).writer() as session:
    for _ in range(10):
        session.value(sleep, long=0)
    print("ready", flush=True)
    session.value(sleep, long=60)
"""


def test_a_command_can_be_interrupted(new_database: Callable[[], str]) -> None:
    environment = clean_environment(
        DATABASE_URL=new_database(),
        REDIS_URL="redis://127.0.0.1:1/0",
        TASKAPI_SIGNING_KEY=new_signing_key(),
        TASKAPI_SECRET_KEY=new_secret_key(),
    )
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=20) != 0
