"""What is true of the service as a whole and told as a metric: numbers by a label, asked of the primary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from taskapi.db import Session


@dataclass(frozen=True)
class Fact:
    """`help` is Prometheus's word for what it is; `ask` gives a number for each value of the label."""

    name: str
    help: str
    label: str
    ask: Callable[[Session], Mapping[str, int]]
