"""A real Prometheus with our rules, asking a real service; Debian's programs, where they are installed."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from tests.servers import free_port

HERE = Path(__file__).parents[2] / "deploy" / "observability"
RULES = HERE / "prometheus"
Sample = tuple[Mapping[str, str], float]


def program(name: str) -> str:
    """Where Debian has it; without it a test is skipped, and says so (in CI that fails)."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/bin:/usr/sbin")
    if found is None:
        pytest.skip(
            f"{name} is NOT THERE, so this is not tested: apt-get install prometheus prometheus-alertmanager"
        )
    return found


@dataclass(frozen=True)
class Prometheus:
    url: str

    def ask(self, query: str) -> list[Sample]:
        """The samples of an instant query."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=20).json()
        assert answer["status"] == "success", (query, answer)
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def counted(self, selector: str) -> float:
        """How far counters rose, over every restart; nothing is extrapolated."""
        # Before the starts are asked for: a sample that comes meanwhile has one too.
        found = list(self._last_hour(selector))
        began = {
            (labels["instance"], moment): start
            for labels, values in self._last_hour("process_start_time_seconds")
            for moment, start in values
        }
        return sum(
            _risen([(began[labels["instance"], moment], value) for moment, value in values])
            for labels, values in found
        )

    def _last_hour(self, selector: str) -> Iterator[tuple[Mapping[str, str], list[tuple[float, float]]]]:
        """The samples of each series, with when they were taken."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": f"{selector}[1h]"}, timeout=20).json()
        assert answer["status"] == "success", answer
        for one in answer["data"]["result"]:
            yield one["metric"], [(moment, float(value)) for moment, value in one["values"]]

    def firing(self) -> set[str]:
        return {labels["alertname"] for labels, _ in self.ask('ALERTS{alertstate="firing"}')}

    def wait_for(self, query: str, seconds: float = 30) -> list[Sample]:
        end = time.monotonic() + seconds
        while not (found := self.ask(query)):
            assert time.monotonic() < end, f"nothing for {query}"
            time.sleep(0.2)
        return found


def _risen(values: Sequence[tuple[float, float]]) -> float:
    """From nothing at each start, which comes with each value.

    Who began anew may have counted further by now than before: not every restart is a fall.
    """
    return sum(dict(values).values())


@contextmanager
def prometheus(
    folder: Path, parts: Mapping[str, Sequence[int]], seconds: float = 2.0
) -> Iterator[Prometheus]:
    """One that asks these ports of this machine, by the part they are of, and looks at our rules as often."""
    folder.mkdir(exist_ok=True)
    for name in ("recording.yml", "alerts.yml"):
        rules = yaml.safe_load((RULES / name).read_text())
        for group in rules["groups"]:
            for rule in group["rules"]:
                # What is true is told at once: how long it has to be true is promtool's to test.
                rule.pop("for", None)
        (folder / name).write_text(yaml.safe_dump(rules))
    often = f"{int(seconds * 1000)}ms"
    configuration = {
        "global": {"scrape_interval": often, "scrape_timeout": often, "evaluation_interval": often},
        "rule_files": ["recording.yml", "alerts.yml"],
        "scrape_configs": [
            {
                "job_name": "taskapi",
                "static_configs": [
                    {"targets": [f"127.0.0.1:{port}" for port in ports], "labels": {"part": part}}
                    for part, ports in parts.items()
                ],
            },
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--query.lookback-delta=10s",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        found = Prometheus(f"http://127.0.0.1:{port}")
        _wait_until_ready(found, folder / "log")
        yield found
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_ready(started: Prometheus, log: Path) -> None:
    for _ in range(300):
        try:
            if httpx.get(f"{started.url}/-/ready", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-2000:])
