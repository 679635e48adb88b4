"""What holds for every answer: the words of the status codes, problems, headers, CORS and HEAD."""

import gzip
import re
from collections.abc import Callable

import pytest
from flask import Flask, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi.http import Endpoints, public
from taskapi.ids import new_id
from tests.people import Api, Person, make_person
from tests.problems import MEMBERS, check_headers, check_problem
from tests.routes import OPERATIONS, PRIVATE, Operation
from tests.test_access import ROWS

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
JSON = {"Content-Type": "application/json"}
ORIGIN = {"Origin": "https://elsewhere.example"}


def test_malformed_json_is_400(ann: Person) -> None:
    for raw in (b"{", b"nonsense", b"{'title': 1}", b'{"title": "a",}', b'{"title": NaN}', b"\xff", b"\0"):
        check_problem(ann.api.post("/tasks", data=raw, headers=JSON), 400)
    check_problem(ann.api.post("/tasks", data=b"", headers=JSON), 400)


def test_json_that_is_no_object_is_422_as_a_whole(ann: Person) -> None:
    for raw in (b"[]", b"null", b"1", b'"title"', b"true"):
        check_problem(ann.api.post("/tasks", data=raw, headers=JSON), 422, "")


def test_an_unknown_parameter_is_400_on_every_operation(ann: Person) -> None:
    admin = make_person(ann.app, role="admin")
    for operation in PRIVATE:
        api = admin.api if operation.for_admins else ann.api
        answer = api.call(operation.method, operation.path(new_id()) + "?sorted=1")
        check_problem(answer, 400, "query/sorted")


def test_a_parameter_is_refused_where_it_is_repeated_or_malformed(ann: Person) -> None:
    for query in ("limit=1&limit=1", "limit=", "limit=0", "limit=201", "limit=+1", "limit=1.0", "limit=١"):
        check_problem(ann.api.get(f"/tasks?{query}"), 400, "query/limit")
    for query in ("cursor=x", "cursor=", "cursor=%00", "cursor=a&cursor=b"):
        check_problem(ann.api.get(f"/tasks?{query}"), 400, "query/cursor")
    for query in ("keep_current=1", "keep_current=True", "keep_current="):
        check_problem(ann.api.delete(f"/auth/sessions?{query}"), 400, "query/keep_current")
    check_problem(ann.api.get("/tasks?limit=x&cursor=a&cursor=b"), 400, "query/cursor")


@pytest.mark.parametrize("value", ["abc", '"open', "", ",", '"a" "b"', "W/", '*, "a"'])
def test_a_malformed_precondition_is_400(ann: Person, value: str) -> None:
    path = f"/tasks/{ann.new_task()['id']}"
    for method, where in (("PUT", path), ("PATCH", path), ("DELETE", path), ("PATCH", "/me")):
        body = None if method == "DELETE" else {"title": "Changed"} if where == path else {"name": "Ann"}
        answer = ann.api.call(method, where, body, headers={"If-Match": value})
        check_problem(answer, 400, "header/If-Match")
    for where in (path, "/tasks", "/me", f"{path}/history"):
        answer = ann.api.get(where, headers={"If-None-Match": value})
        check_problem(answer, 400, "header/If-None-Match")
    assert ann.api.get(path).json["title"] == "Pay rent"


def test_no_token_is_401_and_nothing_there_is_404(ann: Person, anonymous: Api) -> None:
    check_problem(anonymous.get("/tasks"), 401)
    for path in ("/nothing", "//nothing", "//api", "//api/v1", "//api/v2/tasks", "/tasks/", "//", "/Tasks"):
        if path != "//":
            check_problem(ann.api.get(path), 404)


def _leads_to(operation: Operation, path: str) -> bool:
    """Whether a path is one of an operation's, whatever stands for the id."""
    return re.fullmatch(operation.path("[^/]+"), path) is not None


def test_another_method_is_405_with_exactly_those_allowed(ann: Person) -> None:
    task_id = new_id()
    for path in {one.path(task_id) for one in OPERATIONS}:
        # A word of ours, like `bulk`, stands where an id may stand.
        allowed = {one.method for one in OPERATIONS if _leads_to(one, path)} | {"OPTIONS"}
        allowed |= {"HEAD"} if "GET" in allowed else set()
        for method in set(METHODS) - allowed:
            answer = ann.api.call(method, path)
            check_problem(answer, 405)
            assert set(answer.headers["Allow"].split(", ")) == allowed
            assert answer.headers["Allow"] in answer.json["detail"]


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml, text/*", "application/json;q=0", "image/*", "*/*;q=0"]
)
def test_an_answer_nobody_accepts_is_406_and_nothing_is_done(ann: Person, accept: str) -> None:
    for operation in PRIVATE:
        answer = ann.api.call(operation.method, operation.path(new_id()), headers={"Accept": accept})
        check_problem(answer, 406)


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/*",
        "application/json",
        "text/html, */*;q=0.1",
        "application/json;q=0.1",
        "application/json; charset=utf-8",
        "application/json;version=1, text/html;q=0",
    ],
)
def test_json_is_accepted_in_many_words(ann: Person, accept: str) -> None:
    assert ann.api.get("/tasks", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "text/json"],
)
def test_another_media_type_is_415(ann: Person, kind: str) -> None:
    for method, path in (("POST", "/tasks"), ("PATCH", "/me"), ("POST", "/auth/login")):
        check_problem(ann.api.call(method, path, data=b"{}", headers={"Content-Type": kind}), 415)


def test_a_body_in_an_encoding_is_415(ann: Person) -> None:
    packed = {"Content-Encoding": "gzip", **JSON}
    check_problem(ann.api.post("/tasks", data=gzip.compress(b'{"title": "x"}'), headers=packed), 415)
    plain = {"Content-Encoding": "identity", **JSON}
    assert ann.api.post("/tasks", data=b'{"title": "x"}', headers=plain).status_code == 201


def test_a_merge_patch_is_taken_by_patch_alone(ann: Person) -> None:
    kind = {"Content-Type": "application/merge-patch+json; charset=UTF-8"}
    assert ann.api.patch("/me", data=b'{"name": "Ann"}', headers=kind).json["name"] == "Ann"
    check_problem(ann.api.post("/tasks", data=b'{"title": "a"}', headers=kind), 415)


def test_422_names_each_field_by_its_pointer(ann: Person) -> None:
    body = {"title": "", "status": "none", "labels": ["good", 1, "x" * 41], "a/b~c": 1, "due_on": "soon"}
    places = ("/title", "/status", "/labels/1", "/labels/2", "/a~1b~0c", "/due_on")
    check_problem(ann.api.post("/tasks", body), 422, *places)
    check_problem(ann.api.post("/tasks", {}), 422, "/title")
    check_problem(ann.api.post("/auth/login", {"email": 1}), 422, "/email", "/password")


def test_what_is_too_short_too_long_or_missing_is_told_in_words_of_the_api(ann: Person) -> None:
    told = set()
    for body in ({"title": " "}, {"title": "a" * 201, "labels": [str(i) for i in range(21)]}, {}):
        answer = ann.api.post("/tasks", body)
        check_problem(answer, 422)
        told |= {(fault["pointer"], fault["detail"]) for fault in answer.json["errors"]}
    assert told == {
        ("/title", "must not be empty"),
        ("/title", "must have at most 200 characters"),
        ("/labels", "must have at most 20 items"),
        ("/title", "is needed"),
    }


def test_a_million_faults_are_not_answered_with_a_million_lines(ann: Person) -> None:
    answer = ann.api.post("/tasks", {f"field{i}" * 20: 1 for i in range(3000)})
    check_problem(answer, 422)
    assert len(answer.data) < 20_000


def test_a_crash_is_told_by_its_request_id_and_nothing_else(make_app: Callable[..., Flask]) -> None:
    app = make_app("sqlite")
    crashing = Endpoints("crashing", __name__)

    @crashing.get("/crash")
    @public
    def view() -> Response:
        raise RuntimeError("SELECT secret FROM /src/secret.py line 1")

    app.register_api(crashing)  # type: ignore[attr-defined]
    answer = Api(app).get("//crash", headers={"X-Request-ID": "find-me"})
    check_problem(answer, 500)
    assert answer.json.keys() == MEMBERS
    assert answer.json["request_id"] == "find-me"
    assert "secret" not in answer.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_id=st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True))
def test_a_good_request_id_is_echoed(anonymous: Api, given_id: str) -> None:
    sent = {"X-Request-ID": given_id}
    assert anonymous.get("//livez", headers=sent).headers["X-Request-ID"] == given_id
    assert anonymous.get("/tasks", headers=sent).json["request_id"] == given_id


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given_id=st.sampled_from(["", "a" * 129, "a b", "é", "a,b", "{}", "a\tb"])
    | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=8).map(lambda text: f"{text}!")
)
def test_another_request_id_is_replaced(anonymous: Api, given_id: str) -> None:
    found = anonymous.get("//livez", headers={"X-Request-ID": given_id}).headers["X-Request-ID"]
    assert found != given_id
    assert len(found) == 32


def test_head_is_get_without_a_body(ann: Person) -> None:
    admin = make_person(ann.app, role="admin")
    for operation in OPERATIONS:
        if operation.method == "GET":
            row = ROWS[str(operation)]
            path = operation.path(row.target(ann)) + row.query
            api = admin.api if operation.for_admins else ann.api
            whole, head = api.get(path), api.call("HEAD", path)
            assert (head.status_code, head.data) == (whole.status_code, b"")
            for answer in (whole, head):
                answer.headers.remove("X-Request-ID")
                answer.headers.pop("X-Cache", None)
            assert sorted(head.headers) == sorted(whole.headers), operation
            assert int(head.headers["Content-Length"]) == len(whole.data)
    missing = ann.api.call("HEAD", f"/tasks/{new_id()}")
    assert (missing.status_code, missing.data) == (404, b"")


def test_head_too_is_spared_what_the_client_has(ann: Person) -> None:
    for path in ("/tasks", f"/tasks/{ann.new_task()['id']}", "/me"):
        etag = ann.api.get(path).etag
        answer = ann.api.call("HEAD", path, headers={"If-None-Match": etag})
        assert (answer.status_code, answer.etag) == (304, etag)


def test_a_preflight_from_anywhere_is_answered_without_credentials(anonymous: Api) -> None:
    for operation in OPERATIONS:
        asked = ORIGIN | {
            "Access-Control-Request-Method": operation.method,
            "Access-Control-Request-Headers": "authorization, if-match, idempotency-key",
        }
        answer = anonymous.call("OPTIONS", operation.path(new_id()), headers=asked)
        assert answer.status_code == 204
        check_headers(answer)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert operation.method in answer.headers["Access-Control-Allow-Methods"].split(", ")
        taken = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
        assert {"authorization", "content-type", "if-match", "idempotency-key"} <= set(taken)


def test_scripts_elsewhere_may_read_answers_and_refusals(ann: Person, anonymous: Api) -> None:
    for answer in (ann.api.get("/tasks", headers=ORIGIN), anonymous.get("/tasks", headers=ORIGIN)):
        check_headers(answer)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert {"ETag", "X-Request-ID"} <= set(
            answer.headers["Access-Control-Expose-Headers"].replace(",", "").split()
        )


def test_a_setting_narrows_the_origins(make_app: Callable[..., Flask]) -> None:
    app = make_app("sqlite", TASKAPI_CORS_ORIGINS="https://a.example, https://b.example")
    api = make_person(app).api
    ours = api.get("/tasks", headers={"Origin": "https://b.example"})
    assert ours.headers["Access-Control-Allow-Origin"] == "https://b.example"
    assert "Origin" in ", ".join(ours.headers.getlist("Vary"))
    for origin in ("https://elsewhere.example", "null", "https://b.example.evil.example", "http://b.example"):
        answer = api.get("/tasks", headers={"Origin": origin})
        check_headers(answer)
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_every_operation_says_how_it_may_be_kept_and_is_safe_in_browsers(app: Flask) -> None:
    for operation in OPERATIONS:
        owner, row = make_person(app, "admin" if operation.for_admins else "user"), ROWS[str(operation)]
        answer = owner.api.call(
            operation.method, operation.path(row.target(owner)) + row.query, row.body(owner)
        )
        refused = Api(app).call(operation.method, operation.path("nonsense") + "?no=1", headers=JSON)
        # A link that leads nowhere is looked at first.
        refusals = {404} if operation.rule.startswith("/download/") else {400, 401}
        assert (answer.status_code, refused.status_code in refusals) == (row.status, True)
        for one in (answer, refused):
            check_headers(one)
            if operation.rule.startswith("/api/v1/auth/"):
                assert one.headers["Cache-Control"] == "no-store"
                assert "Content-Encoding" not in one.headers
            elif operation.rule.startswith("/api/"):
                # The one answer that shows a secret is kept nowhere.
                shows_secret = one is answer and str(operation) == "POST /api/v1/me/tokens"
                rule = "no-store" if shows_secret else "private, no-cache"
                assert one.headers["Cache-Control"] == rule
                assert one.headers["Vary"] == "Accept-Encoding, Authorization"


@pytest.mark.parametrize("query", ["q=%FF", "q=%ED%A0%80", "q=%zz", "q=%", "%FF=1", "limit=1&q=%C3"])
def test_a_query_that_is_no_utf_8_is_400(ann: Person, query: str) -> None:
    check_problem(ann.api.get(f"/tasks?{query}"), 400, "query")


def test_ten_thousand_unknown_parameters_are_not_answered_with_as_many_lines(anonymous: Api) -> None:
    query = "&".join(f"x{number}=1" for number in range(10_000))
    answer = anonymous.get(f"//health?{query}")
    assert answer.status_code == 400
    assert len(answer.data) < 10_000
