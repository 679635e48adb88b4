"""What the application answered to a WSGI request, whole, before it is kept, compressed or sent."""

from collections.abc import Callable, Iterable
from typing import Any

from taskapi import compression, etags

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class Answer:
    """What the application answered, whole."""

    def __init__(self, app: WsgiApp, environ: Environ) -> None:
        self.status = ""
        self.headers: Headers = []
        chunks = app(environ, self._start)
        try:
            self.body = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def encode(self, encoding: str) -> None:
        """Compress the body, where that is worth it, and say so in headers and ETag."""
        content_type = self.header("Content-Type") or ""
        is_text = content_type.startswith("text/") or "json" in content_type
        if not is_text or len(self.body) < compression.LEAST_BYTES or self.header("Content-Encoding"):
            return
        if self.header("Vary") is None:
            self.headers.append(("Vary", "Accept-Encoding"))
        if not encoding:
            return
        self.body = compression.encoded(self.body, encoding)
        changed = {"Content-Length": str(len(self.body))}
        etag = self.header("ETag")
        if etag is not None:
            changed["ETag"] = etags.in_encoding(etag, encoding)
        self.headers = [(name, changed.get(name, value)) for name, value in self.headers]
        self.headers.append(("Content-Encoding", encoding))

    def _start(self, status: str, headers: Headers, _error: object = None) -> None:
        self.status, self.headers = status, headers
