"""What `make bench` tells, without its load."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench import claims, counted, names, promised, report
from bench.load import MODELS, Figures
from bench.measured import BARE_LIST, HIT, REFERENCES
from tests.servers import clean_environment

ROOT = Path(__file__).parent.parent


def test_where_wrk_is_missing_one_line_says_what_to_install(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench"],
        cwd=ROOT,
        env=clean_environment(PATH=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert "apt-get install wrk" in line


def figures(rate: int, failed: int = 0) -> Figures:
    return Figures(requests=rate + failed, seconds=1.0, p50=1.0, p99=9.0, failed=failed)


def test_a_ratio_is_the_median_of_the_ratios_of_each_round(tmp_path: Path) -> None:
    names = set(REFERENCES).union(*REFERENCES.values())
    loads = {name: [figures(100)] * 3 for name in names}
    # The machine was slow in the first round: medians alone would say 300 beside 200.
    loads |= {
        HIT: [figures(100), figures(300), figures(900)],
        BARE_LIST: [figures(50), figures(200), figures(300)],
    }
    report.write(tmp_path, report.Run(2, 0.0, {"SQLite": loads}))
    text = (tmp_path / "served.md").read_text()
    assert f"| {HIT} | {BARE_LIST} | 2.00 | 1.50 to 3.00 |" in text
    assert f"| **{HIT}** | 300 | 100 to 900 | 1.0 | 9.0 | none |" in text
    raw = orjson.loads((tmp_path / "served.json").read_bytes())
    assert [one["requests"] for one in raw["engines"]["SQLite"][HIT]] == [100, 300, 900]


def test_what_failed_is_told_and_not_counted_as_speed(tmp_path: Path) -> None:
    names = set(REFERENCES).union(*REFERENCES.values())
    loads = {name: [figures(75, failed=25)] for name in names}
    report.write(tmp_path, report.Run(2, 0.0, {"SQLite": loads}))
    assert f"| **{HIT}** | 75 | 75 to 75 | 1.0 | 9.0 | 25.0% |" in (tmp_path / "served.md").read_text()


def test_every_model_tells_its_figures() -> None:
    models = set(MODELS.glob("*.lua")) - {MODELS / "figures.lua"}
    # One of them is another with more to it.
    telling = ('dofile("figures.lua")', 'dofile("crowd.lua")')
    assert [path.name for path in models if not any(how in path.read_text() for how in telling)] == []


def test_the_claims_are_told_beside_what_they_start_from() -> None:
    claim = claims.Claim("Index", "100 times", {"without": lambda: 1, "with": lambda: 1})
    lines = "\n".join(
        claims._lines([(claim, {"without": [1.0, 2.0, 4.0], "with": [10.0, 40.0, 40.0]})], 3, 0.5)
    )
    assert "| Index (100 times) | without | 2.0 | 1.00 |" in lines
    # Within the rounds 10, 20 and 10 times: the machine was faster in the third, not the index.
    assert "|  | with | 40.0 | 10.00 |" in lines


def test_reads_from_memory_are_counted_among_all_reads() -> None:
    numbers = {"hit": 80, "miss": 15, "bypass": 5, "evicted": 7}
    told = [f'taskapi_cache_answers_total{{outcome="{one}"}} {number}' for one, number in numbers.items()]
    found = counted.read("\n".join(told) + "\n")
    assert (found.reads, found.hits) == (100, 80)
    assert (found - counted.Counted(reads=60, hits=50)).from_memory == 0.75
    assert counted.Counted().from_memory == 0


def test_refusals_are_counted_of_all_endpoints() -> None:
    told = [f'api_requests_total{{method="GET",status="{one}"}} 3' for one in (200, 503)]
    told.append('api_requests_total{method="POST",status="503"} 4')
    assert counted.read("\n".join(told) + "\n").refused == 7


def test_what_failed_and_was_not_refused_is_hidden_nowhere() -> None:
    refused = counted.Counted(refused=30)
    assert counted.failed_apart(50, refused) == (30, 20)
    # Of those who were refused some had gone.
    assert counted.failed_apart(20, refused) == (20, 0)


def rounds(*rates: float) -> list[dict[str, Any]]:
    return [{"requests": rate, "seconds": 1.0, "p50": 1.0, "p99": 9.0, "failed": 0} for rate in rates]


def a_long_load(rate: float) -> dict[str, Any]:
    figures = {"requests": rate * 60, "seconds": 60.0, "p50": 1.0, "p99": 20.0, "failed": 0}
    nothing = {"failed_connecting": 0, "failed_after": 0, "stale": 0}
    return {"figures": figures, "busy": 1.5, "read_back": 10, "hits": 1.0, "resident": 100.0, **nothing}


def a_whole() -> dict[str, Any]:
    """A run in which every promise is just reached."""
    return {
        "about": {"machine": "one with two cores", "commit": "abc"},
        "seconds": 1,
        "rounds": {
            names.HITS: {
                names.FRONT: rounds(40),
                names.DIRECT: rounds(25),
                names.FILE: rounds(100),
                names.BARE: rounds(10),
            },
            names.MISSES: {
                names.DIRECT: rounds(75),
                names.BY_HAND: rounds(125),
                names.FAST: rounds(30),
                names.FAST_TWO: rounds(60),
                names.BEFORE: rounds(30),
            },
            names.WRITES: {
                names.KEYED: rounds(1500),
                names.DIRECT: rounds(150),
                names.FAST: rounds(100),
                names.FAST_TWO: rounds(200),
            },
            names.ON_SQLITE: {names.KEYED: rounds(700)},
            names.CROWD: {
                names.FRONT: rounds(100),
                names.DIRECT: rounds(100),
                # What has no nginx is not what is promised to be beside.
                names.FAST: rounds(50),
                names.FAST_FRONT: rounds(10),
                names.FAST_TWO_FRONT: rounds(20),
                names.LIGHT: rounds(50),
                names.LIGHT_FRONT: rounds(25),
                names.LIGHT_TWO_FRONT: rounds(50),
            },
        },
        "crowd": {"warm": 15},
        "long": {names.READERS: a_long_load(9000), names.USERS: a_long_load(1000)},
    }


def some_storms() -> dict[str, Any]:
    """As above."""
    lost = {"failed": 0.0, "refused_without_word": 0.0, "refused": 0.6, "refused_p99": 50.0}
    one = {"peak": 1000.0, "in_time": 850.0, "until_normal": 5.0, "late_ms": 1.0, "busy": 0.5, **lost}
    return {
        "about": {"commit": "abc"},
        "memory": {"seconds": 30, "worker": 150.0, "idle": 100.0, "answered": 5000},
        "cold": {"kept": [{"until_answered": 1.5}]},
        "log_ins": [{}],
        "overload": {"misses": [one]},
    }


def broken(whole: dict[str, Any], storms: dict[str, Any]) -> list[str]:
    return [one.what for one in promised.promises(whole, storms) if not one.is_reached]


def test_promises_that_are_just_reached_are_reached() -> None:
    assert broken(a_whole(), some_storms()) == []


@pytest.mark.parametrize(
    ("load", "server", "rate"),
    [
        (names.HITS, names.FRONT, 39.9),
        (names.HITS, names.DIRECT, 24.9),
        (names.WRITES, names.KEYED, 1499.0),
        (names.WRITES, names.DIRECT, 149.0),
        (names.ON_SQLITE, names.KEYED, 699.0),
    ],
)
def test_a_rate_just_under_its_goal_reaches_nothing(load: str, server: str, rate: float) -> None:
    whole = a_whole()
    whole["rounds"][load][server] = rounds(rate)
    assert len(broken(whole, some_storms())) == 1


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("figures", a_long_load(8999.9)["figures"], "requests/s"),
        ("figures", a_long_load(9000)["figures"] | {"p99": 20.01}, "p99"),
        ("failed_connecting", 1, "failed"),
        ("failed_after", 1, "failed"),
        ("stale", 1, "stale"),
        # Who has read nothing back has seen nothing.
        ("read_back", 0, "stale"),
    ],
)
def test_readers_just_off_a_goal_miss_that_one(name: str, value: object, what: str) -> None:
    whole = a_whole()
    whole["long"][names.READERS][name] = value
    assert broken(whole, some_storms()) == [f"5,000 readers through nginx, 60 s: {what}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("in_time", 849.9),
        ("failed", 0.001),
        ("refused_without_word", 0.001),
        ("refused_p99", 50.1),
        # Nobody was refused: who was to be has been lost, or there was no overload.
        ("refused", 0.0),
        ("until_normal", 5.5),
        ("until_normal", None),
    ],
)
def test_overload_just_off_a_goal_misses_it(name: str, value: float | None) -> None:
    storms = some_storms()
    storms["overload"]["misses"][0][name] = value
    assert len(broken(a_whole(), storms)) == 1


def test_the_page_says_what_is_reached_and_what_is_not(tmp_path: Path) -> None:
    whole, storms = a_whole(), some_storms()
    whole["rounds"][names.ON_SQLITE] = {names.KEYED: rounds(500, 699, 900)}
    storms["cold"]["kept"].append({"until_answered": None})
    for name, raw in (("whole.json", whole), ("storms.json", storms)):
        tmp_path.joinpath(name).write_bytes(orjson.dumps(raw))
    promised.write(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "on SQLite: requests/s | 699 (500 to 900) | ≥ 700 | **not reached** |" in text
    assert "Redis kept | not seen | ≤ 1.50 s | **not reached** |" in text
    assert "| 1,500 (1,500 to 1,500) | ≥ 1,500 | reached |" in text
    assert "of another commit" not in text
    count = len(promised.promises(whole, storms))
    assert f"{count - 2} of {count} are reached" in text
    raw = orjson.loads((tmp_path / "report.json").read_bytes())
    assert sum(one["is_reached"] for one in raw["promises"]) == count - 2
