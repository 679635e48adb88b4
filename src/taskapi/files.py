"""Files that are the same for everybody: made or read once, and asked for anew each time at little cost."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from flask import Response, request

from taskapi.etags import Match, etag_of


@dataclass(frozen=True)
class File:
    """Bytes that stay as they are, and the tag that follows from them."""

    content: bytes
    kind: str

    @cached_property
    def etag(self) -> str:
        return etag_of("file", hashlib.blake2b(self.content, digest_size=12).hexdigest())


def reply_file(file: File, headers: Mapping[str, str] | None = None) -> Response:
    """A file, or 304 where the client has it already: so that all of a page is always of one release.

    Raises BadRequest.
    """
    match = Match.parse(request.headers.get("If-None-Match"), "If-None-Match")
    if match is not None and match.is_current(file.etag):
        answer = Response(status=304)
    else:
        answer = Response(file.content, mimetype=file.kind)
    answer.headers.update({"ETag": file.etag, "Cache-Control": "no-cache", **(headers or {})})
    return answer
