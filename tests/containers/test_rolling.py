"""Containers replaced under load: nobody sees it, and nothing that was acknowledged is lost."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.containers import test_box
from tests.containers.box import Box, copied, docker, inspected, nginx_from_the_wheel, until
from tests.containers.load import Load

pytestmark = pytest.mark.containers

# How long a container may take from being told to end to its end (seconds).
MOST_SECONDS = 25
RESTARTS = 50
_UNDONE = "SELECT count(*) FROM outbox WHERE done_at IS NULL AND kind LIKE 'mail.%'"
_DONE = "SELECT count(*) FROM outbox WHERE done_at IS NOT NULL AND kind LIKE 'mail.%'"


def _nothing_is_lost(box: Box, load: Load, mails_before: int) -> None:
    assert not load.failed, load.failed[:5]
    assert not load.lost()
    until(lambda: box.sql(_UNDONE) == "0", seconds=120)
    assert int(box.sql(_DONE)) - mails_before >= load.mails


def test_a_release_is_rolled_out_and_nobody_notices(box: Box) -> None:
    before = {service: set(box.containers(service)) for service in ("api", "worker", "scheduler")}
    mails = int(box.sql(_DONE))
    with Load(box) as load:
        box.box("roll")
        time.sleep(2)
    print(f"\nrolled: {load}, {load.mails} mails")  # noqa: T201 - shown by -s
    _nothing_is_lost(box, load, mails)
    for service, old in before.items():
        now = set(box.containers(service))
        assert len(now) == len(old)
        assert not now & old


@pytest.mark.prove
@pytest.mark.parametrize("service", ["redis", "redis-jobs"])
def test_a_redis_is_replaced_and_nobody_notices(box: Box, service: str) -> None:
    mails = int(box.sql(_DONE))
    with Load(box) as load:
        time.sleep(1)
        box.box("roll", service)
        time.sleep(3)
    print(f"\n{service} replaced: {load}, {load.mails} mails")  # noqa: T201 - shown by -s
    _nothing_is_lost(box, load, mails)


def test_nginx_takes_a_new_certificate_and_configuration_without_losing_a_request(box: Box) -> None:
    with Load(box, mails=False) as load:
        for _ in range(5):
            box.box("reload_nginx")
            time.sleep(1)
    print(f"\nreloaded five times: {load}")  # noqa: T201 - shown by -s
    assert not load.failed, load.failed[:5]
    assert not load.lost()


@pytest.mark.prove
@pytest.mark.parametrize("service", ["db", "nginx"])
def test_what_there_is_once_is_away_for_moments_and_loses_nothing(box: Box, service: str) -> None:
    """Requests may be refused meanwhile; what was acknowledged is there, once."""
    with Load(box, mails=False) as load:
        time.sleep(1)
        began = time.monotonic()
        box.box("roll", service)
        took = time.monotonic() - began
        time.sleep(6)
        load.failed, failed = [], load.failed
        time.sleep(2)
    print(f"\n{service} replaced in {took:.1f} s: {load}, {len(failed)} refused")  # noqa: T201 - shown by -s
    assert not load.failed, load.failed[:5]
    assert not load.lost()
    assert all("503" in one or service == "nginx" for one in failed), failed[:5]


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_behind_a_new_nginx_a_release_is_rolled_out_and_instances_restart_fifty_times(engine: None) -> None:
    """It looks names up itself and closes no connection just used: no request is sent again."""
    image = "taskapi-stand-in:new-nginx"
    nginx_from_the_wheel(image)
    with copied("taskapi-new-nginx", NGINX_IMAGE=image) as box:
        box.box("up")
        assert box.nginx_version() >= (1, 27, 4)
        test_box.test_more_and_fewer_instances_need_no_edit(box)
        test_a_release_is_rolled_out_and_nobody_notices(box)
        test_nginx_takes_a_new_certificate_and_configuration_without_losing_a_request(box)
        _restart_often(box)


def _restart_often(box: Box) -> None:
    """Two of the three at a time: one is left to serve."""
    instances = itertools.cycle(box.containers("api"))
    mails, ends = int(box.sql(_DONE)), []

    def restart(instance: str) -> None:
        began = time.monotonic()
        docker("stop", "-t", str(MOST_SECONDS), instance)
        ends.append(time.monotonic() - began)
        assert inspected(instance)["State"]["ExitCode"] == 0
        docker("start", instance)

    with Load(box) as load, ThreadPoolExecutor(2) as together:
        for _ in range(RESTARTS // 2):
            list(together.map(restart, (next(instances), next(instances))))
            box.box("wait_healthy", "api")
    ended = f"ended after {min(ends):.1f} to {max(ends):.1f} s"
    print(f"\n{len(ends)} restarts: {load}, {load.mails} mails; {ended}")  # noqa: T201 - a proof prints its figures
    assert max(ends) <= MOST_SECONDS
    _nothing_is_lost(box, load, mails)
