"""An application here with the database and keys of a box, whose requests go through nginx to the instances.

So the tests of the API look at what they always look at, and what answers is the box.
"""

import inspect
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask
from werkzeug.datastructures import Headers

from taskapi import create_app
from taskapi.contract.words import ANSWER_HEADERS
from taskapi.settings import load_settings
from tests.unchecked import Unchecked


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
    client = Unchecked(base_url=box["url"], verify=context, timeout=60)

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
        # As Flask writes it: what is no text either is escaped.
        body = app.json.dumps(json) if json is not None else data
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
        told = [
            (_NAMES.get(name.decode().lower(), name.decode().title()), value.decode("latin-1"))
            for name, value in with_stream.headers.raw
            # nginx says that it is one.
            if name.lower() != b"server"
        ]
        return _Answer(with_stream.status_code, Headers(told), raw)

    app.extensions["box"] = opened
    return app


# What a test says that looks inside the process that answers: there is no such process here.
_INSIDE = re.compile(
    r"monkeypatch|time: Clock|_clock_at|[Ss]tatements|freeze|test_client|make_app|outbox|\bapps\b|told_apart"
    r"|\.parts\.store|\bcached\("
)
# What is not asked of it, by a part of the test's file or name.
_OTHERWISE = {
    "/readyz": "nginx closes it",
    "test_another_method_is_405": "asks of /readyz too",
    "test_a_preflight_from_anywhere": "asks of /readyz too",
    "test_every_operation_says_how_it_may_be_kept": "asks of /readyz too",
    "test_an_id_that_is_none_names_nothing": "nginx refuses NUL in an address",
    "test_a_nul_names_nothing": "nginx refuses NUL in an address",
    "test_no_text_at_all_names_a_task": "nginx refuses NUL in an address",
    "%00": "nginx refuses NUL in an address",
    "admin/test_jobs.py": "plants jobs, which the workers of the box do at once",
    "test_cookie.py": "asks over HTTP, which nginx leads to HTTPS",
    "test_ten_thousand_unknown_parameters": "nginx refuses so long an address",
    "test_a_write_passes_where_if_match_names": "no client sends a tab behind a header",
    "test_a_key_that_is_none_is_400": "no client sends such a header",
    "test_any_printable_ascii_is_a_key": "no client sends such a header",
    "test_another_request_id_is_replaced": "no client sends such a header",
    "test_head_is_get_without_a_body": "compares the Date of two answers",
}
_NAMES = {name.lower(): name for name in ANSWER_HEADERS}


def can_be_asked(item: pytest.Item) -> bool:
    """Whether a test asks of the API alone what any client may ask."""
    function = getattr(item, "function", None)
    if function is None or any(part in item.nodeid for part in _OTHERWISE):
        return False
    return not _INSIDE.search(inspect.getsource(function))
