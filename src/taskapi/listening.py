"""Where a process listens: a port of this machine alone, or of an address that others reach."""

import re
from typing import NamedTuple, Self

_ADDRESS = re.compile(r"(?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):)?([0-9]{1,5})")
_MOST = 65535


class Address(NamedTuple):
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """PORT or HOST:PORT. Raises ValueError that says so."""
        found = _ADDRESS.fullmatch(text)
        if found is None or not 0 < int(found[2]) <= _MOST:
            raise ValueError(f"{text!r} is no port; use PORT, or HOST:PORT for other machines to ask")
        return cls((found[1] or "127.0.0.1").strip("[]"), int(found[2]))
