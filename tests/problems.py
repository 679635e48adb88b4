"""What every refusal and failure has to look like (RFC 9457 and our contract)."""

import re

from tests.people import Answer

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id"}
# What would tell how we are built: traces, statements, drivers, files.
LEAK = re.compile(
    r"Traceback|line \d+|\.py\b|\b(SELECT|INSERT|UPDATE|DELETE) |sqlalchemy|psycopg|sqlite3|werkzeug"
    r"|pydantic|argon2|/(src|tmp|home|usr|work|var)/",
)
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY = ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]


# What the page of the API may do: load what we serve, and nothing inline.
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def check_headers(answer: Answer) -> None:
    policy = answer.headers["Content-Security-Policy"]
    kind = answer.headers.get("Content-Type", "")
    if kind.startswith("text/html") or (kind.startswith("text/") and policy == PAGE):
        # A page opens what it needs, and that to our own origin alone.
        assert set(POLICY) < set(policy.split("; "))
        assert not re.search("unsafe|http|(?<!img-src 'self' )data:|\\*", policy)
    else:
        assert policy == "; ".join(POLICY)
    expected = dict(SECURITY_HEADERS)
    if kind.startswith(("text/css", "text/javascript")) and policy != PAGE:
        # A part of the UI may come by a CDN, which is another origin.
        expected["Cross-Origin-Resource-Policy"] = "cross-origin"
    assert {name: answer.headers.get(name) for name in expected} == expected
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", answer.headers["X-Request-ID"])
    assert answer.headers["Cache-Control"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Server" not in answer.headers


def check_problem(answer: Answer, status: int, *pointers: str) -> None:
    """A problem of that status, which names at least these places."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    check_headers(answer)
    body = answer.json
    assert body.keys() - {"errors"} == MEMBERS
    assert body["status"] == status
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", body["code"])
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert all(isinstance(body[name], str) and body[name] for name in MEMBERS - {"status"})
    for fault in body.get("errors", []):
        assert fault.keys() == {"pointer", "detail"}
        assert fault["detail"]
    assert set(pointers) <= {fault["pointer"] for fault in body.get("errors", [])}, answer.text
    shown = {name: value for name, value in body.items() if name != "instance"}
    assert not LEAK.search(repr(shown)), answer.text
