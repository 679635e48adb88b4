"""What `make bench` tells, without its load."""

import subprocess
import sys
from pathlib import Path

import orjson

from bench import claims, counted, report
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
    text = (tmp_path / "report.md").read_text()
    assert f"| {HIT} | {BARE_LIST} | 2.00 | 1.50 to 3.00 |" in text
    assert f"| **{HIT}** | 300 | 100 to 900 | 1.0 | 9.0 | none |" in text
    raw = orjson.loads((tmp_path / "report.json").read_bytes())
    assert [one["requests"] for one in raw["engines"]["SQLite"][HIT]] == [100, 300, 900]


def test_what_failed_is_told_and_not_counted_as_speed(tmp_path: Path) -> None:
    names = set(REFERENCES).union(*REFERENCES.values())
    loads = {name: [figures(75, failed=25)] for name in names}
    report.write(tmp_path, report.Run(2, 0.0, {"SQLite": loads}))
    assert f"| **{HIT}** | 75 | 75 to 75 | 1.0 | 9.0 | 25.0% |" in (tmp_path / "report.md").read_text()


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
