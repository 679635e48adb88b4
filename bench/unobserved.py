"""`taskapi` that counts, times, traces and logs no request, for bench/observing.py.

python -m bench.unobserved serve
"""

from collections.abc import Callable, Iterable
from typing import Any

from flask import g

from taskapi import front, measuring
from taskapi.__main__ import main
from taskapi.answers import Environ, StartResponse
from taskapi.tracing import Trace

_TRACE = Trace("1" * 32, "1" * 16)


def _around(
    self: measuring.Measuring,  # noqa: ARG001 - it takes the place of a method
    environ: Environ,
    start: StartResponse,
    app: Callable[[StartResponse], Iterable[bytes]],
) -> Iterable[bytes]:
    # The application writes into it.
    environ[measuring.ACCOUNT] = measuring.Account(start)
    return app(start)


def _register(app: Any, timing: object) -> None:  # noqa: ARG001 - it takes the place of a function
    @app.before_request  # type: ignore[untyped-decorator]  # Flask's, which is anything here
    def name() -> None:
        g.trace = _TRACE


if __name__ == "__main__":
    measuring.Measuring.around = _around  # type: ignore[method-assign]  # that is what this module is for
    measuring.register = _register
    vars(front).update(add=lambda *_: None, perf_counter=lambda: 0.0)
    main()
