"""All that is promised of the speed, measured and told in one page.

    make bench                      in at most twelve minutes

The whole service under load (bench/whole.py), then storms (bench/storms.py), each with fewer rounds than when
it is run for itself. Writes bench/report.md and bench/report.json, and whole, storms and the pictures beside.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from bench import promised, storms, whole


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="of the whole service's loads (5)")
    parser.add_argument("--seconds", type=int, default=1, help="of each of them in each round (1)")
    parser.add_argument("--warm", type=int, default=6, help="seconds that each has the crowd before (6)")
    parser.add_argument("--long", type=int, default=60, help="seconds of the loads by 5,000 (60)")
    parser.add_argument("--storms", type=int, default=1, help="rounds of the storms (1)")
    parser.add_argument("--memory", type=int, default=30, help="seconds before memory is weighed (30)")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder of the reports")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    into = ("--into", str(chosen.into))
    rounds = ("--rounds", str(chosen.rounds), "--seconds", str(chosen.seconds))
    whole.main([*rounds, "--warm", str(chosen.warm), "--long", str(chosen.long), *into])
    storms.main(["--rounds", str(chosen.storms), "--memory", str(chosen.memory), *into])
    promised.write(chosen.into)
    print(chosen.into.joinpath("report.md").read_text(encoding="utf-8"))
    print(f"All of it took {(time.monotonic() - began) / 60:.1f} minutes.")
