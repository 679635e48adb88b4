"""What machines there are, and what they cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

from taskapi.errors import BadStart

_STRICT = ConfigDict(extra="forbid")
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w .,/+()-]+$")]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Machine:
    """One size of machine, and what it costs a month in the currency of its table."""

    __pydantic_config__ = _STRICT

    name: Name
    cores: Annotated[int, Field(ge=1, le=4096)]
    memory_gib: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    month: Amount


@dataclass(frozen=True)
class Prices:
    """The table: all machines that may be taken, and the name of the one that instances of the API have."""

    __pydantic_config__ = _STRICT

    currency: Name
    instance: Name
    machines: Annotated[list[Machine], Field(min_length=1)]

    @property
    def of_instance(self) -> Machine:
        """Raises BadStart where no machine has the name."""
        found = next((one for one in self.machines if one.name == self.instance), None)
        if found is None:
            raise BadStart(
                f"--prices: `instance` is {self.instance!r}, and no machine has that name; "
                f"name one of {', '.join(one.name for one in self.machines)}"
            )
        return found

    @property
    def largest(self) -> Machine:
        """The one with most cores; of several the one with most memory."""
        return max(self.machines, key=lambda one: (one.cores, one.memory_gib))

    def cheapest(self, cores: float, memory_gib: float) -> Machine | None:
        """The cheapest machine that has so much; None where none has."""
        fitting = [one for one in self.machines if one.cores >= cores and one.memory_gib >= memory_gib]
        return min(fitting, key=lambda one: (one.month, one.cores, one.memory_gib), default=None)


def cost(machines: Iterable[tuple[Machine, int]]) -> float:
    """By the month: each machine by how many there are of it."""
    return sum(machine.month * count for machine, count in machines)
