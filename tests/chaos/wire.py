"""A wire between a process and a server on loopback, that can be cut, frozen and made slow."""

import selectors
import socket
import threading
import time
from contextlib import suppress
from typing import Self

_CHUNK = 65_536


class Wire:
    """Listens on a port of its own and passes on what comes, both ways, as it is told to."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        # Seconds that everything takes from the server to the process; may be changed at any time.
        self.delay = 0.0
        self.is_frozen = False
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits in accept() would keep the socket open.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """End all connections; new ones are let in."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def lead_to(self, target: int) -> None:
        """End all connections; new ones lead to another server."""
        self._target = target
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listening.accept()
            except OSError:
                return
            try:
                outer = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                inner.close()
                continue
            outer.settimeout(None)
            with self._lock:
                self._pairs.add((inner, outer))
            threading.Thread(target=self._pass_on, args=(inner, outer, False), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(outer, inner, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with suppress(OSError), selectors.DefaultSelector() as ready:
            ready.register(source, selectors.EVENT_READ)
            while True:
                ready.select()
                while self.is_frozen:
                    time.sleep(0.01)
                data = source.recv(_CHUNK)
                if not data:
                    break
                if is_answer and self.delay:
                    time.sleep(self.delay)
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        # The other direction does the same with the other end.
        source.close()
