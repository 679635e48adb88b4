"""An application here with the database and keys of a box, whose requests go through nginx to the instances.

So the tests of the API look at what they always look at, and what answers is the box.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
from flask import Flask
from werkzeug.datastructures import Headers

from taskapi import create_app
from taskapi.settings import load_settings

_send = httpx.Client.send


class _Unchecked(httpx.Client):
    """Who calls holds the answers against the document already."""

    def send(self, request: httpx.Request, **more: Any) -> httpx.Response:
        return _send(self, request, **more)


@dataclass
class _Answer:
    status_code: int
    headers: Headers
    data: bytes


def app_of_the_box(described: Path) -> Flask:
    """The application; `described` holds address, certificate and settings of the box, as JSON."""
    box = orjson.loads(described.read_bytes())
    app = create_app(load_settings(**box["settings"]))
    # What it writes itself the instances have to hear of.
    app.extensions["taskapi_background"].start()
    context = ssl.create_default_context(cafile=box["certificate"])
    client = _Unchecked(base_url=box["url"], verify=context, timeout=60)

    def opened(
        url: str,
        method: str,
        headers: Mapping[str, str],
        *,
        json: Any = None,
        data: Any = None,
        content_type: str | None = None,
        query_string: Mapping[str, Any] | str | None = None,
        base_url: str | None = None,
    ) -> _Answer:
        sent = dict(headers)
        body = orjson.dumps(json) if json is not None else data
        if json is not None:
            sent.setdefault("Content-Type", "application/json")
        if content_type is not None:
            sent["Content-Type"] = content_type
        del base_url  # It is https in any case.
        if isinstance(body, str):
            body = body.encode()
        if not any(name.lower() == "accept-encoding" for name in sent):
            sent["Accept-Encoding"] = "identity"
        request = client.build_request(method, url, headers=sent, content=body, params=query_string or None)
        with_stream = client.send(request, stream=True)
        raw = b"".join(with_stream.iter_raw())
        with_stream.close()
        return _Answer(with_stream.status_code, Headers(with_stream.headers.multi_items()), raw)

    app.extensions["box"] = opened
    return app
