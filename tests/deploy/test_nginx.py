"""What nginx does in front: where it sends what, what it refuses, and what it says of it."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from taskapi.assets import Assets
from tests.deploy.fronts import ANSWER, Nginx, Recorder, nginx, recorder
from tests.deploy.names import Names
from tests.servers import free_port

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SAFE = METHODS[:3]


@pytest.fixture
def names(tmp_path: Path) -> Iterator[Names]:
    with Names(tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def forget(instance: Recorder) -> None:
    instance.requests.clear()


def _is_problem(answer: httpx.Response, status: int, code: str) -> bool:
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(body) == {"type", "title", "status", "detail", "instance", "code", "request_id"}
    assert body["type"] == f"urn:taskapi:problem:{body['code']}"
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=63072000")
    assert body["status"] == answer.status_code
    return (answer.status_code, body["code"]) == (status, code)


# --- where a request goes ---


@pytest.mark.parametrize("method", METHODS)
def test_an_instance_that_is_gone_is_nobodys_trouble(program: Path, method: str) -> None:
    with recorder() as well, nginx(program, [free_port(), well.port, free_port()]) as front:
        with front.client() as client:
            for _ in range(8):
                assert client.request(method, "/api/v1/tasks/1").status_code == 200
        assert len(well.requests) == 8


@pytest.mark.parametrize("method", METHODS)
def test_what_an_instance_broke_off_is_asked_again_only_where_that_is_safe(
    program: Path, method: str
) -> None:
    with (
        recorder(answer=lambda _request: None) as broken,
        recorder() as well,
        nginx(program, [broken.port, well.port]) as front,
        front.client() as client,
    ):
        answers = [client.request(method, "/api/v1/tasks/1") for _ in range(2)]
        assert len(broken.requests) == 1
        if method in SAFE:
            assert [answer.status_code for answer in answers] == [200, 200]
            assert len(well.requests) == 2
        else:
            refused = [answer for answer in answers if answer.status_code != 200]
            assert len(refused) == 1
            assert _is_problem(refused[0], 502, "outcome_unknown")
            assert refused[0].headers["Retry-After"] == "1"
            assert len(well.requests) == 1, "it was sent again"


@pytest.mark.parametrize("method", METHODS[3:])
def test_a_write_reaches_one_instance_at_most_whatever_went_wrong_before(program: Path, method: str) -> None:
    """Gone, broken, well are asked in turn: a try that could not be sent allows no second that could."""
    with recorder(answer=lambda _request: None) as broken, recorder() as well:
        ports = [free_port(), broken.port, well.port]
        with nginx(program, ports) as front, front.client() as client:
            answer = client.request(method, "/api/v1/tasks/1")
        assert (len(broken.requests), len(well.requests)) == (1, 0), "it was sent twice"
        assert _is_problem(answer, 502, "outcome_unknown")


@pytest.mark.parametrize("method", METHODS[2:])
def test_with_no_instance_at_all_a_problem_says_so(program: Path, method: str) -> None:
    with nginx(program, [free_port(), free_port()]) as front, front.client() as client:
        assert _is_problem(client.request(method, "/api/v1/tasks"), 503, "busy")


def test_instances_that_come_and_go_need_no_edit(program: Path, names: Names) -> None:
    with recorder("127.0.0.2") as one, recorder("127.0.0.3", one.port) as two:
        names.are("127.0.0.2")
        with (
            nginx(program, f"instances.test:{one.port}", DNS=names.server, PATH=names.path) as front,
            front.client() as client,
        ):
            assert client.get("/").status_code == 200
            names.are("127.0.0.2", "127.0.0.3")
            _until(lambda: client.get("/").status_code == 200 and two.requests)
            names.are("127.0.0.3")
            time.sleep(2.5)
            heard = len(one.requests)
            for _ in range(10):
                assert client.get("/").status_code == 200
            assert len(one.requests) == heard
            # Who answers for names is away, or knows none: the last that were known are asked.
            names.are()
            time.sleep(2.5)
            assert client.get("/").status_code == 200


def test_it_starts_where_nobody_is_known_yet_and_finds_who_comes(program: Path, names: Names) -> None:
    """As after a start of the whole machine, when containers come up in any order."""
    with (
        recorder("127.0.0.2") as one,
        nginx(program, f"instances.test:{one.port}", DNS=names.server, PATH=names.path) as front,
        front.client() as client,
    ):
        assert client.get("/").status_code in {502, 503}
        names.are("127.0.0.2")
        _until(lambda: client.get("/").status_code == 200)


def _until(holds: Callable[[], object], seconds: float = 10) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it never came to be"
        time.sleep(0.05)


# --- what is refused here ---


@pytest.mark.parametrize(
    "path", ["/readyz", "/metrics", "/metrics/", "/%72eadyz", "//readyz", "/x/../metrics"]
)
def test_what_is_for_operators_is_closed(front: Nginx, instance: Recorder, path: str) -> None:
    said = front.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 404 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "not_found"
    assert not instance.requests


def test_large_bodies_headers_and_addresses_are_problems(front: Nginx, instance: Recorder) -> None:
    with front.client() as client:
        assert _is_problem(client.post("/api/v1/tasks", content=b"x" * 1_048_577), 413, "too_large")
        assert _is_problem(client.put("/api/v1/tasks/1", content=b"x" * 1_048_577), 413, "too_large")
        assert _is_problem(client.get("/" + "x" * 9000), 414, "uri_too_long")
        assert _is_problem(client.get("/", headers={"X": "y" * 9000}), 400, "bad_request")
        assert client.post("/api/v1/tasks", content=b"x" * 1_048_576).status_code == 200
        assert client.post("/api/v1/imports?format=csv", content=b"x" * 3_000_000).status_code == 200
        assert _is_problem(client.post("/api/v1/imports", content=b"x" * (65 << 20)), 413, "too_large")
    assert len(instance.requests) == 2


def test_a_malformed_request_and_a_method_that_is_none_are_problems(front: Nginx) -> None:
    for request, status in ((b"GET / HTTP/1.1\r\n\r\n", 400), (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405)):
        said = front.raw(request)
        assert said.startswith(b"HTTP/1.1 %d " % status)
        body = json.loads(said.partition(b"\r\n\r\n")[2])
        assert body["status"] == status


def test_an_address_has_its_budget_and_signing_in_a_smaller_one(program: Path) -> None:
    with (
        recorder() as kept,
        nginx(program, [kept.port], RATE="2", BURST="10", AUTH_RATE="1", AUTH_BURST="3") as front,
        front.client() as client,
    ):
        signing = [client.post("/api/v1/auth/login", json={}) for _ in range(8)]
        others = [client.get("/api/v1/tasks") for _ in range(16)]
    assert 4 <= sum(answer.status_code == 200 for answer in signing) <= 5
    assert 6 <= sum(answer.status_code == 200 for answer in others) <= 10
    assert _is_problem(signing[-1], 429, "too_many")
    assert signing[-1].headers["Retry-After"] == "1"
    assert len(kept.requests) == sum(answer.status_code == 200 for answer in (*signing, *others))


def test_in_the_clear_there_is_only_the_way_to_tls(front: Nginx, instance: Recorder) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{front.clear_port}/api/v1/auth/login?x=y", headers={"Host": "localhost"}
    )
    assert answer.status_code == 308
    assert answer.headers["Location"] == f"https://localhost:{front.port}/api/v1/auth/login?x=y"
    assert not instance.requests


def test_another_name_than_ours_gets_nothing(program: Path) -> None:
    with (
        recorder() as kept,
        nginx(program, [kept.port], SERVER_NAMES="localhost tasks.example.com") as front,
        front.client() as client,
    ):
        assert client.get("/").status_code == 200
        assert client.get("/", headers={"Host": "tasks.example.com"}).status_code == 200
        assert _is_problem(client.get("/", headers={"Host": "evil.example"}), 421, "misdirected_request")
    assert len(kept.requests) == 2


def test_an_answer_of_an_instance_is_passed_on_as_it_is(program: Path) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nRetry-After: 7\r\n"
    busy += b"Strict-Transport-Security: x\r\n\r\nbusy"
    with (
        recorder(answer=lambda _request: busy) as kept,
        nginx(program, [kept.port]) as front,
        front.client() as client,
    ):
        answer = client.get("/")
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "busy", "7")
    assert answer.headers.get_list("Strict-Transport-Security") == ["max-age=63072000; includeSubDomains"]
    assert ANSWER not in kept.requests


# --- the files of the UI ---


def test_files_of_the_ui_come_from_the_folder_compressed_and_for_good(
    front: Nginx, instance: Recorder, program: Path
) -> None:
    part = next(part for part in Assets().parts if part.name == "app.js")
    with front.client() as client:
        answer = client.get(f"/web/{part.hashed_name}", headers={"Accept-Encoding": "gzip"})
        assert answer.content == part.file.content
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        if program.name == "nginx":  # The wheel's has no module for that.
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Vary"] == "Accept-Encoding"
        assert (
            client.get(f"/web/{part.hashed_name}", headers={"Accept-Encoding": ""}).content
            == part.file.content
        )
        assert not instance.requests
        # What is not there is asked of an instance: it may be of a release that nobody put there.
        assert client.get("/web/app.00000000.js").text == "ok"
        assert client.get("/web/app.js").text == "ok"
        assert client.get("/web/%2e%2e/releases.json").text == "ok"
    assert len(instance.requests) == 3


# --- what is said of it ---


def _logged(front: Nginx, request_id: str) -> dict[str, Any]:
    """What the log says of a request; lines are written together, at most a second late."""
    log, deadline = front.run.parent / "access.log", time.monotonic() + 10
    while time.monotonic() < deadline:
        lines = [
            json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")
        ]
        found: list[dict[str, Any]] = [line for line in lines if line["http.request.id"] == request_id]
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no line of {request_id}")


def test_the_log_has_a_line_of_json_for_each_request_and_no_query(front: Nginx) -> None:
    with front.client() as client:
        client.get('/api/v1/tasks?q=secret"', headers={"X-Request-ID": "seen-in-log", "User-Agent": 'a"\\b'})
    line = _logged(front, "seen-in-log")
    assert (line["http.response.status_code"], line["url.path"]) == (200, "/api/v1/tasks")
    assert "secret" not in json.dumps(line)


_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("said", "goes_on"),
    [
        (_TRACE, True),
        (None, False),
        ("00-4bf92f", False),
        (_TRACE.upper(), False),
        (_TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32), False),
    ],
)
def test_a_trace_goes_on_or_begins_with_the_id_of_the_request(
    front: Nginx, instance: Recorder, said: str | None, goes_on: bool
) -> None:
    with front.client() as client:
        answer = client.get("/api/v1/tasks", headers={} if said is None else {"traceparent": said})
    heard = dict(
        line.split(": ", 1) for line in instance.requests[0].decode().split("\r\n")[1:] if ": " in line
    )
    version, trace_id, span_id, flags = heard["traceparent"].split("-")
    assert (heard["traceparent"] == said) == goes_on
    assert (version, flags) == ("00", "01")
    assert goes_on or (trace_id, span_id) == (heard["X-Request-ID"], heard["X-Request-ID"][:16])
    assert answer.status_code == 200
    assert _logged(front, heard["X-Request-ID"])["trace.id"] == trace_id


def test_nginx_finds_nothing_to_warn_of(front: Nginx) -> None:
    assert front.log.read_text() == ""


def test_a_start_that_cannot_be_says_why(program: Path) -> None:
    with pytest.raises(AssertionError, match="start: TLS_KEY: cannot read /no/such/key"):
        nginx(program, [1], TLS_KEY="/no/such/key").__enter__()
    with pytest.raises(AssertionError, match="NGINX_PROGRAM: /no/nginx does not say its version"):
        nginx(Path("/no/nginx"), [1]).__enter__()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATE", "many"),
        ("BURST", "0"),
        ("TASKAPI_IMPORT_MB", "1m; root /"),
        ("SERVER_NAMES", "a;b"),
        ("TRUSTED_PROXIES", "everybody"),
        ("API_SERVERS", "api"),
        ("HTTPS_PORT", "x|y"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_started(program: Path, name: str, value: str) -> None:
    with pytest.raises(AssertionError, match=f'start: {name}: "{re.escape(value)}" is not '):
        nginx(program, [1], **{name: value}).__enter__()


def test_a_configuration_that_nginx_would_not_take_leaves_the_one_that_works(program: Path) -> None:
    with recorder() as kept, nginx(program, [kept.port]) as front, front.client() as client:
        before = {path.name: path.read_text() for path in front.run.glob("*.conf")}
        done = front.render(TRUSTED_PROXIES="1.2.3.4.5")
        assert done.returncode == 2
        assert "nginx does not take this" in done.stderr
        assert {path.name: path.read_text() for path in front.run.glob("*.conf")} == before
        assert front.render(TRUSTED_PROXIES="10.0.0.0/8").returncode == 0
        assert "set_real_ip_from 10.0.0.0/8;" in (front.run / "trusted.conf").read_text()
        assert client.get("/").status_code == 200
