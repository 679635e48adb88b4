"""Files that are the same for everybody: made or read once, and asked for anew each time at little cost."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import brotli
from flask import Response, request

from taskapi import compression
from taskapi.etags import Match, etag_of, in_encoding

_GZIP_WINDOW = 31  # The largest window, in gzip's own framing (zlib's manual, deflateInit2).


@dataclass(frozen=True)
class File:
    """Bytes that stay as they are, and what follows from them: their tag and their smaller forms."""

    content: bytes
    kind: str

    @cached_property
    def etag(self) -> str:
        return etag_of("file", hashlib.blake2b(self.content, digest_size=12).hexdigest())

    # Made once, as small as can be: they are sent often, and changed with a release.
    @cached_property
    def brotli(self) -> bytes:
        return bytes(brotli.compress(self.content, quality=11))

    @cached_property
    def gzip(self) -> bytes:
        return zlib.compress(self.content, 9, _GZIP_WINDOW)

    def smallest(self, accept_encoding: str) -> tuple[bytes, str]:
        """The bytes in the smallest form that a client takes, and its encoding, empty for none."""
        if len(self.content) < compression.LEAST_BYTES:
            return self.content, ""
        # At its best brotli is smaller than zstd.
        encoding = compression.chosen(accept_encoding, ("br", "gzip"))
        if encoding == "br":
            return self.brotli, encoding
        return (self.gzip, encoding) if encoding else (self.content, "")


def reply_file(file: File, headers: Mapping[str, str] | None = None) -> Response:
    """A file, or 304 where the client has it already: so that all of a page is always of one release.

    Raises BadRequest.
    """
    content, encoding = file.smallest(request.headers.get("Accept-Encoding", ""))
    etag = in_encoding(file.etag, encoding) if encoding else file.etag
    match = Match.parse(request.headers.get("If-None-Match"), "If-None-Match")
    if match is not None and match.is_current(file.etag):
        answer = Response(status=304)
    else:
        answer = Response(content, mimetype=file.kind)
        if encoding:
            answer.headers["Content-Encoding"] = encoding
    answer.headers.update(
        {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding", **(headers or {})}
    )
    return answer
