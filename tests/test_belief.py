"""Until when a process believes what it knows of others: the rules of ADR 10, without a network."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from taskapi.channel import BELIEVED_SECONDS, Belief


@dataclass
class Known:
    """What Belief sees of the map of epochs."""

    believed_until: float = float("-inf")
    cleared: list[float] = field(default_factory=list)
    clock: Callable[[], float] = lambda: 0.0

    def clear(self) -> None:
        self.cleared.append(self.clock())


@dataclass
class World:
    now: float = 100.0

    def __post_init__(self) -> None:
        self.known = Known(clock=lambda: self.now)
        self.belief = Belief(self.known, ("redis", "postgresql"), lambda: self.now)  # type: ignore[arg-type]

    def believes(self) -> bool:
        return self.now < self.known.believed_until

    def proved(self, *ways: str, ago: float = 0.0) -> None:
        for way in ways:
            self.belief.proved(way, self.now - ago)


@pytest.fixture
def world() -> World:
    return World()


def test_nothing_is_believed_before_both_ways_are_open(world: World) -> None:
    assert not world.believes()
    world.proved("redis")
    assert not world.believes()
    world.proved("postgresql")
    assert world.believes()


def test_a_beat_counts_from_when_it_was_sent_and_not_from_when_it_came_back(world: World) -> None:
    world.proved("postgresql")
    world.proved("redis", ago=0.75 * BELIEVED_SECONDS)
    assert world.believes()
    world.now += 0.3 * BELIEVED_SECONDS
    assert not world.believes()
    # However many beats come back that are as old: others' writes are as late.
    world.proved("postgresql")
    world.proved("redis", ago=1.1 * BELIEVED_SECONDS)
    assert not world.believes()


@pytest.mark.parametrize("way", ["redis", "postgresql"])
def test_a_way_that_is_lost_or_silent_ends_belief(world: World, way: str) -> None:
    world.proved("redis", "postgresql")
    world.belief.lost(way)
    assert not world.believes()
    world.proved(way)
    assert world.believes()
    world.now += BELIEVED_SECONDS
    world.proved(*{"redis", "postgresql"} - {way})
    assert not world.believes()


def test_the_map_is_empty_whenever_belief_begins_again_and_is_left_alone_otherwise(world: World) -> None:
    world.proved("redis", "postgresql")
    assert world.known.cleared == [world.now]
    for _ in range(5):
        world.now += 0.5 * BELIEVED_SECONDS
        world.proved("redis", "postgresql")
    assert len(world.known.cleared) == 1
    world.now += 2 * BELIEVED_SECONDS
    world.proved("redis", "postgresql")
    assert world.known.cleared[1:] == [world.now]
    world.belief.lost("redis")
    world.proved("redis")
    assert len(world.known.cleared) == 3
