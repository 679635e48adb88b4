"""A seeded task's rows, worked out before the transaction that writes them: here, or by other processes.

Telling the stories takes as long as writing them does, and Python does one thing at a time.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any

from taskapi import positions
from taskapi.clock import rfc3339
from taskapi.seeding.stories import Author, Change, Story, story
from taskapi.tasks import schemas

# Whose tasks they are, and their numbers.
Batch = tuple[Author, list[int]]

# Starting a process takes as long as preparing so many tasks.
_WORTH_A_PROCESS = 5_000
# One process prepares a little faster than another writes.
_PROCESSES = 2
# How many batches each is told of before its first is taken from it.
_AHEAD = 2


class Prepared:
    """A task's rows, but for the epochs."""

    def __init__(self, told: Story) -> None:
        self.task_id = told.task_id
        first, last = told.changes[0], told.changes[-1]
        finished = [change.at for change in told.changes if change.content["status"] == "done"]
        self._columns = schemas.columns_of(last.content, min(finished, default=None), last.at) | {
            "id": told.task_id,
            "trashed_at": last.at if last.trashed else None,
            "reminder_due_at": None,
            "created_at": first.at,
            "updated_at": last.at,
            "version": len(told.changes),
        }
        # What each change did, and when.
        self.changes = [(first.at, _made(first))]
        self.changes += [(after.at, _changed(before, after)) for before, after in pairwise(told.changes)]

    def row(self, scope_id: str, epoch: int) -> dict[str, Any]:
        """The task's row, where its changes have the epochs after this one."""
        return self._columns | {
            "scope_id": scope_id,
            "created_by": scope_id,
            "position": positions.top(epoch + 1),
            "epoch": epoch + len(self.changes),
        }


def _made(first: Change) -> dict[str, tuple[Any, Any]]:
    made = schemas.differences(schemas.DEFAULTS, first.content)
    return {name: (None, value) for name, (_, value) in made.items()}


def _changed(before: Change, after: Change) -> dict[str, tuple[Any, Any]]:
    if after.trashed:
        return {"trashed_at": (None, rfc3339(after.at))}
    return schemas.differences(before.content, after.content)


def prepared(batches: Iterable[Batch], tasks: int) -> Iterator[tuple[Author, list[Prepared]]]:
    """The batches in their order, each with its tasks prepared; `tasks` is about how many they are.

    Raises ChildProcessError where a process that helps was ended.
    """
    if tasks < _WORTH_A_PROCESS or os.cpu_count() == 1:
        yield from (_prepare(batch) for batch in batches)
    else:
        with _helpers() as helpers:
            yield from _by_helpers(helpers, batches)


def _prepare(batch: Batch) -> tuple[Author, list[Prepared]]:
    author, numbers = batch
    return author, [Prepared(story(author, number)) for number in numbers]


def _by_helpers(
    helpers: deque[Connection], batches: Iterable[Batch]
) -> Iterator[tuple[Author, list[Prepared]]]:
    """Each helper in its turn is given a batch, and asked for the one it was given first."""
    given: deque[Connection] = deque()
    for batch in batches:
        with _telling_of_the_end():
            helpers[0].send(batch)
        given.append(helpers[0])
        helpers.rotate(-1)
        if len(given) > _AHEAD * len(helpers):
            yield _received(given.popleft())
    while given:
        yield _received(given.popleft())


def _received(helper: Connection) -> tuple[Author, list[Prepared]]:
    with _telling_of_the_end():
        found: tuple[Author, list[Prepared]] = helper.recv()
    return found


@contextmanager
def _telling_of_the_end() -> Iterator[None]:
    try:
        yield
    except (EOFError, ConnectionError):
        raise ChildProcessError(
            "A process that helped was ended, perhaps for want of memory. The same command goes on."
        ) from None


@contextmanager
def _helpers() -> Iterator[deque[Connection]]:
    """Processes that end with this one, however that ends: then nobody holds the other end of their pipe."""
    context = multiprocessing.get_context("spawn")
    helpers: deque[Connection] = deque()
    for _ in range(_PROCESSES):
        ours, theirs = context.Pipe()
        context.Process(target=_help, args=(theirs,), daemon=True).start()
        theirs.close()
        helpers.append(ours)
    try:
        yield helpers
    finally:
        for helper in helpers:
            helper.close()


def _help(asked: Connection) -> None:
    # Ctrl-C reaches all processes of a terminal; it is for the one that was started by hand.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, ConnectionError):
        while True:
            asked.send(_prepare(asked.recv()))
