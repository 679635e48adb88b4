"""Which requests may be answered from memory, and what tells their answers apart."""

from taskapi import compression
from taskapi.answers import Environ
from taskapi.callers import digest_of
from taskapi.errors import BadRequest
from taskapi.etags import REPRESENTATION, Match
from taskapi.headers import json_is_welcome, remembered
from taskapi.responses import Rule, rule_for

READS = frozenset({"GET", "HEAD"})
BEARER = "Bearer "

# In a request's environment: the rule that its answer may be kept by, where it is to be made anew;
RULE = "taskapi.rule"
# where the application finds the ETag that the client has already, if that is current;
UNCHANGED = "taskapi.unchanged"
# and where it leaves the Basis of its answer.
BASIS = "taskapi.basis"

# What is longer is not kept: the store counts bodies, and a key is no place to hide megabytes in.
_MOST_OF_KEY = 2000

# The rule of its path, what the client has already, and what tells it apart.
Asked = tuple[Rule, Match | None, object]


def asked_of(environ: Environ) -> Asked | None:
    """What a request asks for, None where the application sees to it; its method is put in capitals."""
    method: str = environ["REQUEST_METHOD"]
    if not method.isupper():
        # As Flask takes them, whatever RFC 9110 says of their case.
        method = environ["REQUEST_METHOD"] = method.upper()
    rule = rule_for(environ["PATH_INFO"]) if method in READS else None
    if rule is None or not _is_ordinary(environ):
        return None
    try:
        match = Match.parse(environ.get("HTTP_IF_NONE_MATCH"), "If-None-Match")
    except BadRequest:
        return None  # The application says so as it says everything.
    return rule, match, _key(environ)


def _is_ordinary(environ: Environ) -> bool:
    """Whether a request is of the kind that is answered from memory; the application sees to all others."""
    is_bearer: bool = environ.get("HTTP_AUTHORIZATION", "").startswith(BEARER)
    length = sum(len(environ.get(name, "")) for name in ("PATH_INFO", "QUERY_STRING", "HTTP_ORIGIN"))
    return is_bearer and length <= _MOST_OF_KEY and json_is_welcome(environ.get("HTTP_ACCEPT", ""))


def _key(environ: Environ) -> object:
    """What tells answers apart: whose, of what, in which encoding, and what headers depend on."""
    return (
        digest_of(environ["HTTP_AUTHORIZATION"][len(BEARER) :]),
        environ["PATH_INFO"],
        environ.get("QUERY_STRING", ""),
        encoding_of(environ),
        environ.get("HTTP_ORIGIN"),
        environ["wsgi.url_scheme"],
        REPRESENTATION,
    )


def encoding_of(environ: Environ) -> str:
    return compression.chosen(remembered(environ.get("HTTP_ACCEPT_ENCODING", "")))
