"""Showing how far a long command is: a moving bar on a terminal, a line now and then elsewhere."""

import sys
from time import monotonic
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

# Between two lines where there is no terminal.
_SECONDS = 5.0


class Steps:
    """So many steps of something, shown on standard error; standard output is for the result."""

    def __init__(self, what: str, total: int, quiet: bool = False) -> None:
        self.done = 0
        self._what = what
        self._total = total
        self._bar = _bar() if sys.stderr.isatty() and not quiet else None
        self._plain = not sys.stderr.isatty() and not quiet
        self._told = self._began = monotonic()

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._shown = self._bar.add_task(self._what, total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def reach(self, done: int, total: int) -> None:
        """So many are done, of as many as are known now."""
        self._total = total
        if self._bar is not None:
            self._bar.update(self._shown, total=total)
        self.advance(done - self.done)

    def advance(self, count: int) -> None:
        self.done += count
        if self._bar is not None:
            self._bar.advance(self._shown, count)
        elif self._plain and monotonic() - self._told >= _SECONDS:
            self._told = monotonic()
            rate = self.done / (self._told - self._began)
            click.echo(f"{self.done} of {self._total} {self._what}, {rate:.0f} a second", err=True)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed else "")
