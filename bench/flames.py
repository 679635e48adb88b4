"""What the threads that run Python do at each kind of request, as flame graphs by py-spy.

    make bench BENCH=flames         in a minute

PostgreSQL, Redis, taskapi and nginx as they are deployed, under the loads that bench/times.py measures alone.
Writes bench/plots/flame-hit.svg, -miss and -write: the wider a function, the more samples met it, or what it
called, while it had the interpreter. py-spy slows what it looks at: these tell shares, and no rates.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from bench.house import House, running
from bench.instances import processes_of
from bench.load import put, require_wrk
from bench.times import Loads

_A_SECOND = 250
# There are lists that nobody asked for before for so many seconds, before others have to be dealt.
_SECONDS, _TURNS = 2, 4


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench flames", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    into = Path(__file__).parent / "plots"
    parser.add_argument("--into", type=Path, default=into, help="folder of the graphs")
    chosen = parser.parse_args(arguments)
    require_wrk()
    with tempfile.TemporaryDirectory(prefix="taskapi-bench-") as folder:
        print("starting everything", flush=True)
        with running(Path(folder), peers=False) as house:
            loads = Loads(house)
            for kind, _ in loads.kinds():
                under_load = Thread(target=_put, args=(loads, kind))
                under_load.start()
                _draw(house, chosen.into / f"flame-{kind}.svg")
                under_load.join()


def _put(loads: Loads, kind: str) -> None:
    for _ in range(_TURNS):
        # Lists that nobody asked for are dealt as far as this one.
        put(next(load for name, load in loads.kinds() if name == kind), _SECONDS)


def _draw(house: House, into: Path) -> None:
    # The first of them starts the one that answers.
    serving = max(processes_of(house.folder / "home"))
    program = str(Path(sys.executable).with_name("py-spy"))
    command = [program, "record", "--pid", str(serving), "--gil", "--function", "--output", str(into)]
    command += ["--duration", str(_SECONDS * (_TURNS - 1)), "--rate", str(_A_SECOND)]
    subprocess.run(command, check=True, capture_output=True)
    # The title is how py-spy was called, with folders of this machine.
    drawn = into.read_text(encoding="utf-8").replace(" ".join(command), "Where Python's threads are")
    into.write_text(drawn, encoding="utf-8")
    print(f"{into}: {into.stat().st_size // 1000} kB", flush=True)
