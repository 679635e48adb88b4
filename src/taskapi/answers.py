"""What the application answered to a WSGI request, whole, before it is kept, compressed or sent."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from taskapi import compression, etags

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


def header_of(headers: Headers, name: str) -> str | None:
    """The value of a header that is spelled so, or None."""
    for key, value in headers:
        if key == name:
            return value
    return None


class Answer:
    """What the application answered, whole."""

    __slots__ = ("body", "headers", "own", "status")

    def __init__(self, status: str, headers: Headers, body: bytes, own: Headers | None = None) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        # Headers that no other answer may have, where they were told apart already.
        self.own = own

    def header(self, name: str) -> str | None:
        return header_of(self.headers, name)

    def tell_apart(self, names: Collection[str]) -> None:
        """Put the headers of these names aside, unless its own were told apart already."""
        if self.own is None:
            self.own = [pair for pair in self.headers if pair[0] in names]
            self.headers = [pair for pair in self.headers if pair[0] not in names]

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


def answer_of(app: WsgiApp, environ: Environ) -> Answer:
    """What a WSGI application answers, whole."""
    answer = Answer("", [], b"")

    def start(status: str, headers: Headers, _error: object = None) -> None:
        answer.status, answer.headers = status, headers

    chunks = app(environ, start)
    try:
        answer.body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return answer
