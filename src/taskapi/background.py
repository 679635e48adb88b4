"""The threads beside the requests: started in the process that serves, never at import."""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from taskapi.errors import AppError
from taskapi.jobs import Chore
from taskapi.parts import Parts

_log = logging.getLogger("taskapi.background")


class Background:
    """Starts what has to run beside the requests; a second start in the same process does nothing."""

    def __init__(self, parts: Parts, chores: Sequence[Chore]) -> None:
        self._parts = parts
        self._chores = chores
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._process: int | None = None

    def start(self) -> None:
        if self._process == os.getpid():
            return
        with self._starting:
            if self._process != os.getpid():
                self._process = os.getpid()
                if self._parts.settings.is_sqlite:
                    self._run("epochs", self._parts.epochs.watch)
                for chore in self._chores:
                    self._run(chore.name, partial(self._repeat, chore))

    def stop(self) -> None:
        self._stop.set()

    def _repeat(self, chore: Chore, stop: threading.Event) -> None:
        while not stop.wait(chore.seconds):
            try:
                chore.work(self._parts)
            except (SQLAlchemyError, AppError) as error:
                _log.warning("%s could not be done this time: %s", chore.name, type(error).__name__)

    def _run(self, name: str, work: Callable[[threading.Event], None]) -> None:
        threading.Thread(target=work, args=(self._stop,), name=f"taskapi-{name}", daemon=True).start()
