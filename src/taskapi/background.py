"""The threads beside the requests: started in the process that serves, never at import."""

import os
import threading
from collections.abc import Callable

from taskapi.parts import Parts


class Background:
    """Starts what has to run beside the requests; a second start in the same process does nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
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

    def stop(self) -> None:
        self._stop.set()

    def _run(self, name: str, work: Callable[[threading.Event], None]) -> None:
        threading.Thread(target=work, args=(self._stop,), name=f"taskapi-{name}", daemon=True).start()
