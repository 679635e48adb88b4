"""From a wanted load to machines, settings and a price."""

import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from pydantic import TypeAdapter, ValidationError

from taskapi.commands.planned import as_data, show
from taskapi.commands.tables import as_json, print_json
from taskapi.errors import BadStart
from taskapi.parsing import told
from taskapi.planning.model import Mix, ServiceTimes
from taskapi.planning.prices import Prices
from taskapi.planning.sizing import Load, Rules, planned
from taskapi.planning.untried import warnings

_DATA = files("taskapi") / "data"
_PRICES = _DATA / "prices.toml"
_TIMES = _DATA / "service_times.json"
_FILE = click.Path(dir_okay=False, path_type=Path)

Read = TypeVar("Read")


class _Number(click.FloatRange):
    """A number within a range, which NaN never is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is not a number", param, ctx)
        return found


@dataclass(frozen=True)
class _Given:
    users: float | None
    rps: float | None
    think: float
    reads: float
    hit: float
    utilisation: float
    no_spare: bool
    zones: int
    prices: Path | None
    times: Path | None
    print_prices: bool
    as_json: bool


@click.command()
@click.option("--users", type=_Number(0, 1e10, min_open=True), help="People who use it at the same time.")
@click.option("--rps", type=_Number(0, 1e9, min_open=True), help="Requests a second, of all together.")
@click.option(
    "--think",
    default=5.0,
    show_default=True,
    type=_Number(0.01, 1e6),
    help="Seconds between two requests of one of them, where --users or --rps is not given.",
)
@click.option(
    "--reads", default=0.99, show_default=True, type=_Number(0, 1), help="Share of reads; the rest writes."
)
@click.option(
    "--hit", default=0.95, show_default=True, type=_Number(0, 1), help="Of reads, share answered from memory."
)
@click.option(
    "--utilisation",
    default=0.6,
    show_default=True,
    type=_Number(0.05, 0.95),
    help="How much of each resource may be used.",
)
@click.option("--no-spare", is_flag=True, help="Nothing beyond what the load needs.")
@click.option(
    "--zones",
    default=1,
    show_default=True,
    type=click.IntRange(1, 10),
    help="Places of which one may fail; with --no-spare none may.",
)
@click.option("--prices", type=_FILE, help="Machines and prices, as TOML or JSON; without it round figures.")
@click.option("--print-prices", is_flag=True, help="Print the table of prices, to edit it.")
@click.option("--times", type=_FILE, help="Service times, as `make bench BENCH=times` writes them.")
@as_json
def plan(**options: Any) -> None:
    """Say what a load needs, what to set, and what it costs.

    From how long each kind of request takes of each processor, as measured (docs/scaling.md). It asks no
    server and changes nothing. The metrics of a running service tell the shares of reads and of hits.

    \b
    Examples:
      taskapi plan --users 100000 --think 5
      taskapi plan --rps 2000 --reads 0.9 --hit 0.7 --json
      taskapi plan --print-prices > prices.toml && taskapi plan --users 5000 --prices prices.toml
    """
    given = _Given(**options)
    if given.print_prices:
        click.echo(_PRICES.read_text("utf-8"), nl=False)
        return
    load = _load(given)
    times = _read("--times", given.times or _TIMES, ServiceTimes, "`make bench BENCH=times`")
    prices = _read("--prices", given.prices or _PRICES, Prices, "`taskapi plan --print-prices`")
    rules = Rules(utilisation=given.utilisation, spare=not given.no_spare, zones=given.zones)
    found = planned(load, times.planned, times.bytes, prices, rules)
    beyond = list(warnings(found, times))
    if given.as_json:
        print_json(as_data(found, prices.currency, times, beyond))
    else:
        show(found, prices.currency, times, beyond)


def _load(given: _Given) -> Load:
    """By the interactive response time law: users = rate · time between requests, where one is not told."""
    if given.users is None and given.rps is None:
        raise BadStart("plan: no load is told, so there is nothing to plan for; give --users, --rps or both")
    rate = given.rps if given.rps is not None else (given.users or 0) / given.think
    users = given.users if given.users is not None else rate * given.think
    return Load(rate=rate, users=users, mix=Mix.of(given.reads, given.hit))


def _read(option: str, file: Path | Traversable, kind: type[Read], writer: str) -> Read:
    """A file as what it should be. Raises BadStart with the option, the fault and the mend."""
    parse: Callable[[str], Any] = orjson.loads if file.name.endswith(".json") else tomllib.loads
    mend = f"take what {writer} writes, and change it from there"
    try:
        # As JSON it is strict about each value, and still takes objects for what they describe.
        return TypeAdapter(kind).validate_json(orjson.dumps(parse(file.read_text("utf-8"))), strict=True)
    except OSError as error:
        raise BadStart(f"{option}: {file} cannot be read ({error.strerror}); name another file") from None
    except ValidationError as error:
        first: dict[str, Any] = dict(error.errors(include_url=False, include_input=False)[0])
        if first["type"] == "unexpected_keyword_argument":
            # As of a body: these are dataclasses.
            first["type"] = "extra_forbidden"
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BadStart(f"{option}: in {file} {place} {told(first)}; {mend}") from None
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise BadStart(f"{option}: {file} is neither TOML nor JSON ({reason}); {mend}") from None
