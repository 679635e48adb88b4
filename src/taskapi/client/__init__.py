"""A typed client of the API: `Client("http://127.0.0.1:5000", token).create_task(title="Pay rent")`.

Its methods and types are generated from the document (`make client`); how requests are sent, repeated and
refused is in `transport.py`. It uses nothing else of this package.
"""

from taskapi.client.generated import Client
from taskapi.client.transport import UNSET, Answer, NotModified, ProblemError, Unreachable, Unset

__all__ = ["UNSET", "Answer", "Client", "NotModified", "ProblemError", "Unreachable", "Unset"]
