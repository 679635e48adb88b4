"""Standbys that take the place of a primary under load: what was acknowledged is there, and once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.failovers import Cluster, cluster
from tests.chaos.instances import instances, redis_server
from tests.chaos.load import Load
from tests.servers import Server


@contextmanager
def _served(home: Path, is_synchronous: bool) -> Iterator[tuple[Cluster, Server]]:
    with cluster() as servers, redis_server() as redis:
        if is_synchronous:
            servers.be_synchronous()
        replicas = {"DATABASE_REPLICA_URLS": servers.all_urls}
        with instances(home, servers.url, [redis.url], **replicas) as (server,):
            yield servers, server


def _promote(home: Path, times: int, is_synchronous: bool) -> tuple[set[str], list[str]]:
    """What was acknowledged, and what is there after so many promotions."""
    with _served(home, is_synchronous) as (servers, server):
        load = Load(server)
        with load:
            for _ in range(times):
                load.seconds_until_written()
                # As where the network to the standbys fails first: who waits for none acknowledges alone.
                servers.cut_off()
                if not is_synchronous:
                    load.seconds_until_written()
                servers.fail_over()
            load.seconds_until_written()
        print(f"\nreads {dict(load.reads)}, writes {dict(load.writes)}")  # noqa: T201 - shown by -s
        return load.titles, load.all_titles()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.prove)])
def test_with_synchronous_standbys_nothing_acknowledged_is_lost_and_nothing_doubled(
    tmp_path: Path, times: int
) -> None:
    acknowledged, found = _promote(tmp_path, times, is_synchronous=True)
    print(f"{len(acknowledged)} acknowledged, {len(found)} there")  # noqa: T201 - a proof prints its figures
    assert acknowledged <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.prove
@pytest.mark.timeout(300)
def test_without_synchronous_standbys_something_is_lost(tmp_path: Path) -> None:
    """The control: the way these tests look, a loss would be seen."""
    acknowledged, found = _promote(tmp_path, 1, is_synchronous=False)
    print(f"{len(acknowledged - set(found))} of {len(acknowledged)} lost")  # noqa: T201 - as above
    assert acknowledged - set(found)
    assert len(found) == len(set(found))
