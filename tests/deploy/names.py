"""A name whose addresses change: by a server of names (RFC 1035), and by the `getent` that `start` asks."""

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

_ADDRESS, _INTERNET, _IS_ANSWER, _FAILED = 1, 1, 0x8180, 2


class Names:
    """Answers any question with what it was told: at `server`, and by the `getent` in `path`."""

    def __init__(self, folder: Path) -> None:
        self._known = folder / "addresses"
        self._known.write_text("")
        programs = folder / "programs"
        programs.mkdir()
        getent = programs / "getent"
        getent.write_text(f"#!/bin/sh\ncat {self._known}\n")
        getent.chmod(0o755)
        self.path = f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.server = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def are(self, *addresses: str) -> None:
        self._known.write_text("".join(f"{address} STREAM instances.test\n" for address in addresses))

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                question, sender = self._socket.recvfrom(512)
                self._socket.sendto(self._answer(question), sender)

    def _answer(self, question: bytes) -> bytes:
        name_ends = question.index(b"\0", 12) + 1
        asked = question[12 : name_ends + 4]
        kind = struct.unpack("!H", question[name_ends : name_ends + 2])[0]
        lines = self._known.read_text().splitlines() if kind == _ADDRESS else []
        flags = _IS_ANSWER if lines or kind != _ADDRESS else _IS_ANSWER | _FAILED
        records = b"".join(
            struct.pack("!HHHIH", 0xC00C, _ADDRESS, _INTERNET, 1, 4) + socket.inet_aton(line.split()[0])
            for line in lines
        )
        return question[:2] + struct.pack("!HHHHH", flags, 1, len(lines), 0, 0) + asked + records
