"""Which request or job something belongs to: its name, and its place in a trace (W3C Trace Context)."""

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# W3C Trace Context, section 3.2: version, trace, parent, flags; later versions may say more.
_HEADER = re.compile(r"((?!ff)[0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
# What begins here is recorded, as far as that is for us to say.
_SAMPLED = "01"
_NOBODY: Mapping[str, str] = {}

_current: ContextVar[Mapping[str, str]] = ContextVar("taskapi_ids", default=_NOBODY)


@dataclass(frozen=True, slots=True)
class Trace:
    """A request's or a job's part of a trace."""

    trace_id: str
    span_id: str
    flags: str = _SAMPLED

    @property
    def header(self) -> str:
        """The `traceparent` of what follows from this part."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def ids(self, request_id: str) -> dict[str, str]:
        """By what lines of logs are joined, under the names of the Elastic Common Schema."""
        return {"http.request.id": request_id, "trace.id": self.trace_id, "span.id": self.span_id}


def trace_of(traceparent: str | None, request_id: str) -> Trace:
    """The trace that a caller names, with a part of our own; one that cannot be read is as none.

    Where there is none the request's name is the trace's, if it has its form, so that either leads to both.
    """
    span_id = f"{random.getrandbits(64) or 1:016x}"
    named = _HEADER.fullmatch(traceparent or "")
    # Of the version that is ours nothing may follow.
    if named is not None and not (named[1] == "00" and named[4]):
        return Trace(named[2], span_id, named[3])
    if _TRACE_ID.fullmatch(request_id):
        return Trace(request_id, span_id)
    return Trace(f"{random.getrandbits(128) or 1:032x}", span_id)


def begin(ids: Mapping[str, str]) -> None:
    """From here on what this thread logs belongs to a request; the next one begins anew."""
    _current.set(ids)


@contextmanager
def belongs_to(ids: Mapping[str, str]) -> Iterator[None]:
    """What is logged inside belongs to a job."""
    token = _current.set(ids)
    try:
        yield
    finally:
        _current.reset(token)


def current_ids() -> Mapping[str, str]:
    """By what a line is found that is written now; nothing where nobody asked for it."""
    return _current.get()
