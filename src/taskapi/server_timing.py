"""Server-Timing (W3C): what took how long of an answer, told to admins alone.

To others it would tell whether something is remembered, or how much there is of it.
"""

from collections.abc import Mapping

HEADER = "Server-Timing"
HIT = (HEADER, 'cache;desc="hit"')


class ServerTiming:
    """Whom this process tells."""

    def __init__(self) -> None:
        # Looked up now and then (admin/jobs.py): in a token is no role, and no request waits for one here.
        self.admins: frozenset[str] = frozenset()

    def is_for(self, user_id: str) -> bool:
        return user_id in self.admins


def header_of(seconds: Mapping[str, float], statements: int) -> str:
    """The header for parts of an answer by name; the database's says how many statements it was asked.

    >>> header_of({"app": 0.0042, "db": 0.0021}, 2)
    'app;dur=4.2, db;dur=2.1;desc="2 statements"'
    """
    told = [f"{name};dur={round(lasted * 1000, 2)}" for name, lasted in seconds.items()]
    return ", ".join(told) + f';desc="{statements} statements"'
