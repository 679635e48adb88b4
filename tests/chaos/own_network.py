"""Run by test_silent_drop.py in a network of its own, where packets may be dropped without harm to others."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.chaos.load import Load
from tests.chaos.roles import as_role, set_up
from tests.servers import Postgres, Server, command, running, start_postgres


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    started = start_postgres()
    set_up(started)
    url = as_role(started, "taskapi_owner")
    assert command("migrate", "--grant", "taskapi", home=tmp_path / "owner", DATABASE_URL=url).returncode == 0
    yield started
    started.stop()


@pytest.fixture
def server(postgres: Postgres, tmp_path: Path) -> Iterator[Server]:
    given = {"TASKAPI_LIMITS": "off", "TASKAPI_CACHE_MB": "0"}
    with running(tmp_path / "home", DATABASE_URL=as_role(postgres, "taskapi"), **given) as started:
        yield started


def drop_without_a_word(postgres: Postgres) -> int:
    """Let nothing of the connections that there are pass, in either direction; how many they are."""
    asked = "SELECT client_port FROM pg_stat_activity WHERE application_name = 'taskapi'"
    with psycopg.connect(postgres.url()) as connection:
        ports = [str(port) for (port,) in connection.execute(asked)]
    among = f"{{ {', '.join(ports)} }}"
    rules = f"""
        table inet dropped {{
            chain old {{
                type filter hook input priority 0
                tcp dport {postgres.port} tcp sport {among} drop
                tcp sport {postgres.port} tcp dport {among} drop
            }}
        }}
    """
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    return len(ports)


def test_reads_outlive_a_network_that_forgot_its_connections(postgres: Postgres, server: Server) -> None:
    with Load(server) as load:
        dropped = drop_without_a_word(postgres)
        assert dropped > 0
        took = load.seconds_until_written()
    assert set(load.reads) == {200}, load.reads
    assert set(load.writes) <= {201, 409, 503}, load.writes
    told = f"{dropped} connections dropped, {load.writes[503]} writes refused, 20 made after {took:.1f} s"
    sys.stdout.write(f"{told}; {load.reads[200]} reads\n")
    assert load.writes[503] <= dropped
    found = load.all_titles()
    assert len(found) == len(set(found))
    assert load.titles <= set(found)
