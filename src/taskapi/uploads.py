"""Files that are sent as a body: written down as they come, so that none is ever held in memory."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from taskapi.bodies import BodyReading, body_bytes
from taskapi.errors import WrongMediaType
from taskapi.ids import new_id
from taskapi.marks import is_plain, is_upload
from taskapi.parts import Parts
from taskapi.proxies import notes
from taskapi.stores import scratch_of
from taskapi.stores.files import CHUNK_BYTES


@dataclass(frozen=True)
class Upload:
    """A file that was sent, there until its request is answered."""

    path: Path
    size: int
    # Stands for its content where two requests are compared.
    digest: bytes


@contextmanager
def sent(view: Callable[..., Any], parts: Parts) -> Iterator[tuple[bytes, bytes]]:
    """The body of a request to a view: what two of them are told apart by, and its JSON.

    Of a file it is the digest, and no JSON; the file itself is there inside. Raises as `received` and
    `body_bytes` do.
    """
    if is_plain(view):
        yield b"", b""
    elif is_upload(view):
        settings = parts.settings
        with received(parts.receiving, settings.home, settings.import_mb << 20) as upload:
            notes().upload = upload
            yield upload.digest, b""
    else:
        raw = notes().pop("body", None)
        if raw is None:
            raw = body_bytes(parts.reading if "actor" in notes() else parts.reading_strangers)
        yield raw, raw


def uploaded() -> Upload:
    """The file that the request being answered has sent."""
    return cast("Upload", notes().upload)


@contextmanager
def received(reading: BodyReading, home: Path, most_bytes: int) -> Iterator[Upload]:
    """The body of the request as a file. Raises WrongMediaType, RequestEntityTooLarge and Busy."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise WrongMediaType("Bodies are taken as they are, without a Content-Encoding.")
    if request.mimetype == "multipart/form-data":
        raise WrongMediaType("Send the file itself as the body, and no form around it.")
    # One byte more, by which a body of unknown length is found too long.
    request.max_content_length = most_bytes + 1
    path = scratch_of(home) / f"upload-{new_id()}"
    try:
        with reading.place():
            upload = _written(path, most_bytes)
        yield upload
    finally:
        path.unlink(missing_ok=True)


def _written(path: Path, most_bytes: int) -> Upload:
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        while part := request.stream.read(CHUNK_BYTES):
            size += len(part)
            if size > most_bytes:
                raise RequestEntityTooLarge
            digest.update(part)
            file.write(part)
    return Upload(path, size, digest.digest())
