"""Readers are given connections without a ping; one that died in the pool is no database that is away."""

from collections.abc import Callable

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from taskapi.outages import Patience
from taskapi.parts import Parts


def _end_connections(parts: Parts) -> int:
    """As a proxy or a firewall does with those that nobody uses."""
    ended = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    with psycopg.connect(parts.settings.url.replace("+psycopg", ""), autocommit=True) as connection:
        row = connection.execute(ended).fetchone()
    assert row is not None
    return int(row[0])


def test_a_connection_that_died_in_the_pool_is_replaced_without_waiting(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: Parts = make_app("postgresql").extensions["taskapi"]

    def wait(*_: object) -> None:
        pytest.fail("the database was taken to be away")

    monkeypatch.setattr(Patience, "_wait_for", wait)
    for _ in range(3):
        sessions = [parts.database.new_reader() for _ in range(3)]
        for session in sessions:
            assert session.value(text("SELECT 1")) == 1
        for session in sessions:
            session.close()
        assert _end_connections(parts) >= 3
        with parts.database.reader() as reader:
            assert reader.value(text("SELECT 2")) == 2
        # A writer, which is not asked again, is given one that was tried.
        assert _end_connections(parts) >= 1
        with parts.database.writer() as writer:
            assert writer.value(text("SELECT 3")) == 3
