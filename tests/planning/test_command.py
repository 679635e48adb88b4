"""`taskapi plan`: what it prints, what it takes, and what it refuses."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from taskapi.__main__ import cli
from tests.servers import command

TIMES = orjson.loads((files("taskapi") / "data" / "service_times.json").read_bytes())
PRICES = (files("taskapi") / "data" / "prices.toml").read_text("utf-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["plan", *arguments])


def plan(*arguments: str) -> dict[str, Any]:
    """What is printed for programs."""
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


def test_a_plan_says_what_is_needed_what_to_set_and_what_it_costs() -> None:
    done = run("--users", "100000")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("20,000 requests/s by 100,000 people: 94.05% from memory")
    for word in ("instances", "nginx", "PostgreSQL", "connections", "memory of Redis", "USD a month"):
        assert f"\n {word} " in done.output, word
    found = plan("--users", "100000")
    told = " ".join(f"{name}={value}" for name, value in found["settings"].items())
    assert f"Set for each instance: {told}\n" in done.output
    assert f"max_connections={found['max_connections']}\n" in done.output
    assert f"maxmemory {found['redis_maxmemory_mb']}mb\n" in done.output
    assert f"{found['cost']['month']:,.0f}" in done.output
    assert f"Times of {TIMES['date']}, commit {TIMES['commit']}" in done.output
    for sentence in found["warnings"]:
        assert f"Note: {sentence}\n" in done.output


def test_it_needs_no_home_and_makes_none(home: Path) -> None:
    done = command("plan", "--rps", "10", home=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert not home.exists()


def test_people_and_requests_follow_from_each_other_by_the_time_to_think() -> None:
    assert plan("--users", "1000", "--think", "10")["load"]["rate"] == 100
    assert plan("--rps", "100", "--think", "10")["load"]["users"] == 1000
    both = plan("--rps", "100", "--users", "5", "--think", "10")["load"]
    assert (both["rate"], both["users"]) == (100, 5)


def test_the_shares_are_those_that_were_asked_for() -> None:
    mix = plan("--rps", "1", "--reads", "0.8", "--hit", "0.5")["load"]["mix"]
    assert mix == {"hit": pytest.approx(0.4), "miss": pytest.approx(0.4), "write": pytest.approx(0.2)}


def test_a_lower_utilisation_needs_more_and_without_spare_there_is_less() -> None:
    usual = plan("--rps", "5000")
    assert plan("--rps", "5000", "--utilisation", "0.2")["processes"] > usual["processes"]
    bare = plan("--rps", "5000", "--no-spare")
    assert bare["cost"]["month"] < usual["cost"]["month"]
    assert all(tier["spare"] == 0 for tier in bare["tiers"].values())
    assert bare["replicas"] == 0
    assert plan("--rps", "50000", "--zones", "3")["tiers"]["api"]["count"] % 3 == 0


def test_the_printed_prices_are_those_that_are_taken(tmp_path: Path) -> None:
    printed = run("--print-prices")
    assert (printed.exit_code, printed.output) == (0, PRICES)
    mine = tmp_path / "prices.toml"
    mine.write_text(printed.output)
    usual = plan("--rps", "5000")
    assert plan("--rps", "5000", "--prices", str(mine)) == usual
    table = tomllib.loads(PRICES)
    for machine in table["machines"]:
        machine["month"] *= 2
    as_json = tmp_path / "prices.json"
    as_json.write_bytes(orjson.dumps(table | {"currency": "EUR"}))
    twice = plan("--rps", "5000", "--prices", str(as_json))["cost"]
    assert twice == {"month": usual["cost"]["month"] * 2, "currency": "EUR"}


def test_other_times_make_another_plan(tmp_path: Path) -> None:
    slow = orjson.loads(orjson.dumps(TIMES))
    slow["microseconds"]["hit"]["interpreter"] *= 100
    file = tmp_path / "times.json"
    file.write_bytes(orjson.dumps(slow))
    usual = plan("--rps", "5000")
    assert plan("--rps", "5000", "--times", str(file))["processes"] > usual["processes"]


def times_with(**changes: object) -> str:
    return orjson.dumps(TIMES | changes).decode()


@pytest.mark.parametrize(
    ("arguments", "text", "begins", "mend"),
    [
        ((), None, "plan: no load is told", "give --users, --rps or both"),
        (("--prices",), None, "--prices: FILE cannot be read (No such file or directory)", "another file"),
        (("--prices",), "[[", "--prices: FILE is neither TOML nor JSON", "--print-prices"),
        (
            ("--prices",),
            PRICES.replace("cores = 2\n", "cores = 0\n"),
            "--prices: in FILE machines.0.cores ",
            "print",
        ),
        (
            ("--prices",),
            PRICES.replace("month = 60", 'month = "60"'),
            "--prices: in FILE machines.0.month",
            "print",
        ),
        (("--prices",), PRICES + "colour = 1", "--prices: in FILE machines.5.colour is not a field", "print"),
        (
            ("--prices",),
            PRICES.replace('"4 cores"', '"5 cores"', 1),
            "--prices: `instance` is '5 cores'",
            "name one",
        ),
        (("--times",), "{", "--times: FILE is neither TOML nor JSON", "BENCH=times"),
        (("--times",), times_with(date=1), "--times: in FILE date ", "BENCH=times"),
        (("--times",), times_with(bytes={}), "--times: in FILE bytes.process is needed", "BENCH=times"),
    ],
)
def test_what_cannot_be_is_one_line_with_the_mend_and_code_2(
    arguments: tuple[str, ...], text: str | None, begins: str, mend: str, tmp_path: Path
) -> None:
    file = tmp_path / ("table.json" if "--times" in arguments else "table.toml")
    if text is not None:
        file.write_text(text)
    given = (*arguments, str(file), "--rps", "10") if arguments else ()
    done = command("plan", *given, home=tmp_path / "home")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("taskapi: " + begins.replace("FILE", str(file))), line
    assert mend in line


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rps", "0"), ("--rps", "nan"), ("--rps", "inf"), ("--users", "-1"), ("--reads", "1.1"),
        ("--hit", "-0.1"), ("--hit", "nan"), ("--utilisation", "1"), ("--think", "0"), ("--zones", "0"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused_with_its_option(option: str, value: str) -> None:
    done = run("--users", "10", option, value)
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.stderr


def test_a_load_beyond_the_largest_machine_is_refused(tmp_path: Path) -> None:
    done = command("plan", "--rps", "1000000", "--users", "9", "--reads", "0", home=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("taskapi: --rps: its writes need ")
    assert "name a larger one by --prices" in line


def test_the_shipped_times_say_where_they_are_from() -> None:
    assert set(TIMES["microseconds"]) == {"hit", "miss", "write"}
    assert TIMES["machine"]
    assert TIMES["commit"]
    assert TIMES["date"]


def test_each_row_says_what_it_comes_from() -> None:
    done = run("--users", "100000")
    table = [line for line in done.output.splitlines() if line.startswith(" ") and "──" not in line]
    rows = [line for line in table if line.strip()][1:]
    assert len(rows) == 13
    assert all(len([cell for cell in row.split("  ") if cell.strip()]) == 3 for row in rows), rows
