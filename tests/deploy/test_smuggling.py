"""What hides behind headers and in bodies of others: nothing of it reaches an instance."""

import re
import socket
import time
from contextlib import suppress
from pathlib import Path

import h2.config
import h2.connection
import pytest

from tests.deploy.fronts import Nginx, Recorder, nginx, recorder


@pytest.fixture(autouse=True)
def forget(instance: Recorder) -> None:
    instance.requests.clear()


# --- what an instance hears ---

_SPOOFS = {
    "X-Forwarded-For": "10.1.2.3",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": "evil",
    "X-Real-IP": "10.1.2.3",
    "Forwarded": "for=10.1.2.3;proto=http",
    "X-Original-URL": "/readyz",
    "X-Rewrite-URL": "/readyz",
    "X-HTTP-Method-Override": "DELETE",
    "Proxy": "http://evil.example",
    "X-Request-ID": "a b\tc",
    "X_Forwarded_For": "10.1.2.3",
    "TE": "trailers",
    "Upgrade": "h2c",
}


@pytest.mark.parametrize("name", _SPOOFS)
def test_what_a_client_says_of_itself_reaches_no_instance(
    front: Nginx, instance: Recorder, name: str
) -> None:
    with front.client() as client:
        assert client.get("/api/v1/tasks", headers={name: _SPOOFS[name]}).status_code == 200
    (request,) = instance.requests
    heard = dict(line.lower().split(": ", 1) for line in request.decode().split("\r\n")[1:] if ": " in line)
    assert heard["x-forwarded-for"] == "127.0.0.1"
    assert heard["x-forwarded-proto"] == "https"
    assert re.fullmatch(r"[0-9a-f]{32}", heard["x-request-id"])
    assert heard["host"] == f"localhost:{front.port}"
    assert _SPOOFS[name].lower() not in [value for key, value in heard.items() if key != "x-forwarded-proto"]
    assert not {"forwarded", "x-real-ip", "upgrade", "te", "proxy", "x_forwarded_for"} & set(heard)


def test_a_name_that_may_stand_in_a_log_is_kept(front: Nginx, instance: Recorder) -> None:
    with front.client() as client:
        client.get("/api/v1/tasks", headers={"X-Request-ID": "mine-1.2_3"})
    assert b"\r\nX-Request-ID: mine-1.2_3\r\n" in instance.requests[0]


def test_only_trusted_proxies_say_who_asks(program: Path) -> None:
    said = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
    with recorder() as kept:
        with nginx(program, [kept.port], TRUSTED_PROXIES="127.0.0.0/8") as front, front.client() as client:
            client.get("/", headers=said)
        with (
            nginx(program, [kept.port], TRUSTED_PROXIES="127.0.0.0/8,198.51.100.0/24") as front,
            front.client() as client,
        ):
            client.get("/", headers=said)
    assert b"\r\nX-Forwarded-For: 198.51.100.7\r\n" in kept.requests[0]
    assert b"\r\nX-Forwarded-For: 203.0.113.9\r\n" in kept.requests[1]


# --- what is hidden in another request ---

_HOST = b"Host: localhost\r\n"
_HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _chunked(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)


_SMUGGLED = {
    "CL.TE": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Content-Length: 48\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + _HIDDEN,
    "TE.CL": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
    + _chunked(_HIDDEN),
    "two lengths": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Content-Length: 0\r\nContent-Length: 43\r\n\r\n"
    + _HIDDEN,
    "a list of lengths": b"POST /a HTTP/1.1\r\n" + _HOST + b"Content-Length: 0, 43\r\n\r\n" + _HIDDEN,
    "a length with a sign": b"POST /a HTTP/1.1\r\n" + _HOST + b"Content-Length: +43\r\n\r\n" + _HIDDEN,
    "a negative length": b"POST /a HTTP/1.1\r\n" + _HOST + b"Content-Length: -1\r\n\r\n" + _HIDDEN,
    "a length in hex": b"POST /a HTTP/1.1\r\n" + _HOST + b"Content-Length: 0x2b\r\n\r\n" + _HIDDEN,
    "two codings": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
    + _HIDDEN,
    "a coding that is none": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
    + _HIDDEN,
    "a coding after a tab": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n\r\n"
    + _chunked(_HIDDEN),
    "a coding after VT": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 4\r\n\r\n"
    + _chunked(_HIDDEN),
    "a space before the colon": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n"
    + _chunked(_HIDDEN),
    "a folded line": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Content-Length: 4\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + _HIDDEN,
    "a bare LF": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Content-Length: 0\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n"
    + _HIDDEN,
    "a bare CR": b"GET /a HTTP/1.1\r\n" + _HOST + b"X: y\rContent-Length: 43\r\n\r\n" + _HIDDEN,
    "NUL in a header": b"GET /a HTTP/1.1\r\n" + _HOST + b"X: y\x00\r\n\r\n" + _HIDDEN,
    "a chunk of an impossible size": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n"
    + _HIDDEN,
    "a chunk with junk behind its size": b"POST /a HTTP/1.1\r\n"
    + _HOST
    + b"Transfer-Encoding: chunked\r\n\r\n0 x\r\n\r\n"
    + _HIDDEN,
    "a chunked request of HTTP/1.0": b"POST /a HTTP/1.0\r\n"
    + _HOST
    + b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n"
    + _HIDDEN,
    "a target with a line break": b"GET /a HTTP/1.1\r\nX:%0d%0a\r\n" + _HOST + b"Connection: close\r\n\r\n",
    "two hosts": b"GET /a HTTP/1.1\r\n" + _HOST + b"Host: evil.example\r\n\r\n",
    "a host with a path": b"GET /a HTTP/1.1\r\nHost: localhost/evil\r\n\r\n",
    "another host in the target": b"GET https://evil.example/a HTTP/1.1\r\n"
    + _HOST
    + b"Connection: close\r\n\r\n",
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n" + _HIDDEN,
    "HTTP/0.9": b"GET /a\r\n",
}


@pytest.mark.parametrize("how", _SMUGGLED)
def test_nothing_is_smuggled(front: Nginx, instance: Recorder, how: str) -> None:
    """What nginx reads as a request of its own it may pass on as one; never both, never in another's body."""
    answers = front.raw(_SMUGGLED[how])
    time.sleep(0.1)
    heard = [request.split(b"\r\n")[0] for request in instance.requests]
    statuses = [int(one) for one in re.findall(rb"HTTP/1\.[01] (\d{3})", answers)]
    # As many as nginx answered for were heard: with another count one client's answer would be another's.
    assert len(heard) == (statuses.count(200) or answers.count(b"ok")), (heard, answers)
    assert b"GET /smuggled HTTP/1.1" not in heard or 400 not in statuses
    for request in instance.requests:
        head, _, _body = request.partition(b"\r\n\r\n")
        assert b"smuggled" not in head or head.startswith(b"GET /smuggled ")
        assert b"evil.example" not in head or how == "another host in the target"
        assert b"x-forwarded-for: 127.0.0.1" in head.lower()


def test_what_a_request_of_http_2_says_of_lengths_is_not_believed(front: Nginx, instance: Recorder) -> None:
    """A body whose length is another than was said (RFC 9113, section 8.1.1)."""
    context = front.trusting()
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", front.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        assert connection.selected_alpn_protocol() == "h2"
        speaking = h2.connection.H2Connection(
            h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        speaking.initiate_connection()
        said = [(":method", "POST"), (":path", "/a"), (":authority", "localhost"), (":scheme", "https")]
        speaking.send_headers(1, [*said, ("content-length", "0")])
        speaking.send_data(1, _HIDDEN, end_stream=True)
        speaking.send_headers(3, [*said, ("transfer-encoding", "chunked")])
        speaking.send_data(3, b"0\r\n\r\n" + _HIDDEN, end_stream=True)
        connection.sendall(speaking.data_to_send())
        connection.settimeout(1)
        with suppress(TimeoutError):
            while connection.recv(65536):
                pass
    assert all(request.startswith(b"POST /a ") for request in instance.requests)
    assert all(b"transfer-encoding: chunked\r\n" not in request.lower() for request in instance.requests)
