"""What comes in: JSON of bounded size and depth, bodies that may be missing, and text of odd characters."""

import io
import json
import time
from contextlib import suppress
from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi.accounts import queries
from taskapi.contract import described
from taskapi.errors import BadRequest
from taskapi.parsing import MAX_BODY_BYTES, MAX_DEPTH, json_of
from tests.genuine import b64
from tests.people import Api, Person, make_person
from tests.problems import check_problem
from tests.routes import OPERATIONS, UPLOADS, Operation
from tests.test_access import ROWS

JSON = {"Content-Type": "application/json"}
NASTY = st.text(st.sampled_from('[]{}"\\,:/ué\n'), max_size=12)
MIB = MAX_BODY_BYTES
# Each as large as a body may be, and each made to be dear to a reader that is not careful.
BOMBS = {
    "arrays": b"[" * MIB,
    "objects": b'{"":' * (MIB // 4),
    "both": b'[{"":' * (MIB // 5),
    "pairs": b"[]" * (MIB // 2),
    "closing": b"[" * 40 + b"]" * (MIB - 40),
    "inside a string": b'"' + b"[" * (MIB - 2) + b'"',
    "a string without end": b"[" * 33 + b'"' + b'\\"' * (MIB // 2 - 20),
    "quotes": b"[" * 33 + b'"' * (MIB - 33),
    "backslashes": b"[" * 33 + b'"' + b"\\" * (MIB - 34),
    "strings of escapes": b"[" * 33 + rb'"\"' * (MIB // 3 - 20),
}


def _nested(depth: int, texts: list[str]) -> Any:
    """Arrays and objects by turns, with the texts at every level."""
    value: Any = list(texts)
    for level in range(depth - 1):
        value = {texts[0]: value} if level % 2 else [value, *texts]
    return value


def _object(depth: int) -> bytes:
    return b'{"x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def _body_operations() -> list[Operation]:
    return [
        one
        for one in OPERATIONS
        if one.method != "GET" and one.rule.startswith("/api/") and str(one) not in UPLOADS
    ]


def test_32_levels_pass_and_33_are_refused(ann: Person) -> None:
    assert MAX_DEPTH == 32
    check_problem(ann.api.post("/tasks", data=_object(32), headers=JSON), 422, "/x")
    answer = ann.api.post("/tasks", data=_object(33), headers=JSON)
    check_problem(answer, 400)
    assert answer.json["code"] == "json_too_deep"


@settings(max_examples=150, deadline=None)
@given(depth=st.integers(1, 40), texts=st.lists(NASTY, min_size=1, max_size=3), ascii_only=st.booleans())
def test_only_brackets_outside_of_strings_count(depth: int, texts: list[str], ascii_only: bool) -> None:
    value = _nested(depth, texts)
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    if depth <= MAX_DEPTH:
        assert json_of(raw) == value
    else:
        with pytest.raises(BadRequest, match="nested deeper"):
            json_of(raw)


@settings(max_examples=300, deadline=None)
@given(raw=st.text(st.sampled_from('[]{}",:\\ a1'), max_size=60).map(str.encode))
def test_what_is_json_to_the_standard_library_is_json_here(raw: bytes) -> None:
    try:
        expected = json.loads(raw)
    except ValueError:
        with pytest.raises(BadRequest):
            json_of(raw)
    else:
        assert json_of(raw) == expected


@pytest.mark.timeout(60, method="signal")  # A thread could not stop a regular expression that runs for hours.
@pytest.mark.parametrize("kind", BOMBS)
def test_no_body_of_brackets_and_quotes_is_dear(anonymous: Api, kind: str) -> None:
    answer = anonymous.post("/auth/login", data=BOMBS[kind], headers=JSON)
    assert answer.status_code in {400, 422}
    check_problem(answer, answer.status_code)


@pytest.mark.prove
def test_the_dearest_body_costs_less_than_half_a_second() -> None:
    for kind, raw in BOMBS.items():
        began = time.perf_counter()
        with suppress(BadRequest):
            json_of(raw)
        seconds = time.perf_counter() - began
        print(f"{kind}: {seconds * 1000:.0f} ms")  # noqa: T201 - a proof prints its figures
        assert seconds < 0.5


def _who_may(app: Flask, operation: Operation) -> Person:
    return make_person(app, role="admin" if operation.for_admins else "user")


def test_a_body_of_1_mib_is_read_and_a_byte_more_refused(ann: Person) -> None:
    raw = b'{"title": "Pay rent"}'
    assert ann.api.post("/tasks", data=raw.ljust(MIB), headers=JSON).status_code == 201
    for operation in _body_operations():
        answer = _who_may(ann.app, operation).api.call(
            operation.method, operation.path(ann.id), data=raw.ljust(MIB + 1), headers=JSON
        )
        check_problem(answer, 413)


@pytest.mark.parametrize(("size", "status"), [(MIB, 201), (MIB + 1, 413), (3 * MIB, 413)])
def test_a_body_of_unknown_length_has_the_same_limit(ann: Person, size: int, status: int) -> None:
    answer = ann.api.post(
        "/tasks",
        input_stream=io.BytesIO(b'{"title": "Pay rent"}'.ljust(size)),
        headers=JSON | {"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == status


def test_a_call_without_need_of_a_body_takes_none_or_an_empty_object(ann: Person) -> None:
    for operation in _body_operations():
        row = ROWS[str(operation)]
        if row.body(ann) is None:
            for raw, headers in ((b"", {}), (b"", JSON), (b"{}", JSON), (b" { } ", JSON)):
                owner = _who_may(ann.app, operation)
                path = operation.path(row.target(owner))
                answer = owner.api.call(operation.method, path, data=raw, headers=headers)
                assert answer.status_code == row.status, answer.text
            for raw, status in ((b"[]", 422), (b'{"x":1}', 422), (b"{", 400)):
                answer = _who_may(ann.app, operation).api.call(
                    operation.method, operation.path(ann.id), data=raw, headers=JSON
                )
                check_problem(answer, status)


def fields_of(app: Flask, operation: Operation) -> dict[str, dict[str, Any]]:
    """The fields of an operation's body with their schemas, as the description has them."""
    document = orjson.loads(orjson.dumps(described(app)))
    path = operation.rule.replace("<", "{").replace(">", "}")
    body = document["paths"].get(path, {}).get(operation.method.lower(), {}).get("requestBody")
    if body is None:
        return {}
    name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    fields: dict[str, dict[str, Any]] = document["components"]["schemas"][name]["properties"]
    return fields


@pytest.mark.parametrize(
    "operation", [one for one in _body_operations() if "auth/logout" not in one.rule], ids=str
)
def test_nul_and_half_a_pair_are_refused_in_every_text_field(app: Flask, operation: Operation) -> None:
    ann, row = _who_may(app, operation), ROWS[str(operation)]
    with ann.app.app_context():
        fields = fields_of(ann.app, operation)
    for name, schema in fields.items():
        kinds = {schema["type"]} if isinstance(schema.get("type"), str) else set(schema.get("type", ()))
        if not kinds & {"string", "array"}:
            continue
        for odd in (rb"a\u0000b", rb"a\ud800b", rb"a\udc00b", rb"\udc00\ud800"):
            text = b'["' + odd + b'"]' if "array" in kinds else b'"' + odd + b'"'
            rest = orjson.dumps(row.body(ann) | {name: 0}).replace(f'"{name}":0'.encode(), b"")
            raw = f'{{"{name}":'.encode() + text + b"," + rest[1:].lstrip(b",")
            raw = raw.replace(b",,", b",").replace(b",}", b"}")
            answer = ann.api.call(operation.method, operation.path(ann.id), data=raw, headers=JSON)
            check_problem(answer, 422, f"/{name}/0" if "array" in kinds else f"/{name}")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    user=st.sampled_from(["x", "", "\0", "' OR 1=1", 1, None, [], {}]) | st.text(max_size=10),
    expires=st.sampled_from([9**18, 1e300, True, "1", None, [], {}, 0]),
)
def test_a_mailed_token_made_up_by_somebody_is_422_whatever_is_in_it(
    anonymous: Api, user: Any, expires: Any
) -> None:
    for path, purpose, more in (
        ("/auth/email/verify", "verify", {}),
        ("/auth/email/verify", "change", {}),
        ("/auth/password/reset", "reset", {"password": "a wholly different phrase"}),
    ):
        token = b64(bytes(16) + json.dumps([user, purpose, expires]).encode())
        check_problem(anonymous.post(path, {"token": token, **more}), 422, "/token")


def test_a_mailed_token_needs_our_seal_even_for_a_real_user(ann: Person, anonymous: Api) -> None:
    made_up: list[Any] = [[ann.id, "reset", 9**18], [ann.id, ["reset"], 9**18], [ann.id], [], None, "x", {}]
    for payload in made_up:
        token = b64(bytes(16) + json.dumps(payload).encode())
        body = {"token": token, "password": "a wholly different phrase"}
        check_problem(anonymous.post("/auth/password/reset", body), 422, "/token")
    with ann.parts.database.reader() as reader:
        assert reader.row(queries.BY_ID, user_id=ann.id) is not None
