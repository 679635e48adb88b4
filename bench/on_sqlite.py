"""New tasks on SQLite: by taskapi as one command starts it, and by the specification's "before"."""

from pathlib import Path

import orjson

from bench import servers
from bench.crowd import NEW, SECRET, settled
from bench.load import Figures, Load, put
from bench.names import BEFORE, DIRECT, KEYED
from bench.peers import before
from taskapi.settings import load_settings

# Fewer than elsewhere: each is an account that takes a commit or two to make.
PEOPLE = 500


def on_sqlite(folder: Path, rounds: int, seconds: int) -> dict[str, list[Figures]]:
    """Every round's figures; the folder is nobody else's."""
    home = folder / "home"
    home.mkdir()
    # It is closed before it is served: SQLite has one process.
    with settled(load_settings(TASKAPI_HOME=str(home)), PEOPLE) as crowd:
        people = crowd.written(folder / "people", crowd.tokens())
        sketched = crowd.written(folder / "people of before", crowd.peers_tokens)
    database = f"sqlite:///{folder / 'before.db'}"
    before.keep(database, SECRET, {})
    new = folder / "new"
    new.write_bytes(orjson.dumps(NEW))
    with servers.taskapi(home, None) as ours, servers.before(folder, database, SECRET) as theirs:
        loads = {
            KEYED: _new_tasks(ours, new, str(people), "keys"),
            DIRECT: _new_tasks(ours, new, str(people)),
            BEFORE: _new_tasks(theirs, new, str(sketched)),
        }
        found: dict[str, list[Figures]] = {name: [] for name in loads}
        for number in range(rounds + 1):
            for name, load in loads.items():
                figures = put(load, seconds if number else 1)
                # The first round warms everything up.
                if number:
                    found[name].append(figures)
            print(f"on SQLite: round {number} of {rounds}", flush=True)
    return found


def _new_tasks(url: str, new: Path, *words: str) -> Load:
    return Load("create_by_many", f"{url}/api/v1/tasks", file=new, words=words)
