"""The words of the document: what statuses, codes, headers and groups of operations mean."""

from typing import Any

ABOUT = """\
A service for tasks: lists, projects, labels, history.

- **Errors** are `application/problem+json` (RFC 9457) whatever answers; decide by `code`, a stable word.
- **Open words**: where a description says that more words may come, and for members of answers in general,
  expect additions within v1. Requests take exactly what is described here.
- **Times** are RFC 3339 in UTC, **ids** are UUIDs, JSON is UTF-8.
- **HEAD** works wherever GET does. Another method is 405 with `Allow`. A POST that needs no body takes none
  or `{}`.
- **Conditional requests**: answers that carry an `ETag` may be asked for with `If-None-Match`; writes that
  take `If-Match` refuse with 412 what was changed meanwhile.
- **Idempotency-Key**: send a fresh one with each write; sent again, it is answered alike and done once.
- **Consistency-Token**: send the newest one you were given, and no answer is older than what you saw.
"""

# The first room of a path below /api/v1, and how its operations are called together.
TAGS = {
    "tasks": ("Tasks", "What is to be done: lists, single tasks, many at once, trash and history."),
    "projects": ("Projects", "Groups of tasks."),
    "labels": ("Labels", "Words on tasks."),
    "exports": ("Exports", "Files of all tasks, made in the background."),
    "imports": ("Imports", "Files whose tasks are taken over, or looked at first."),
    "stats": ("Statistics", "Counts for an overview."),
    "auth": ("Authentication", "Accounts, log-in and sessions."),
    "me": ("Profile", "The caller's own account."),
    "operations": ("Operations", "What became of a request whose answer was lost."),
    "admin": ("Administration", "For admins; for everybody else nothing is there (404)."),
    "service": ("Service", "How the service is, and its public keys."),
}

SCHEMES = {
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` of a log-in; it lives for ten minutes.",
    },
    "personalToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A personal token `tk_…`: for tasks, by scopes `tasks:read` and `tasks:write`.",
    },
}

# The titles of refusals, which are also the names of the answers that operations share.
TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    406: "Not acceptable",
    409: "Conflict",
    412: "Precondition failed",
    413: "Content too large",
    415: "Unsupported media type",
    422: "Unprocessable content",
    429: "Too many requests",
    500: "Internal server error",
    503: "Service unavailable",
}

STATUSES = {
    200: "Done.",
    201: "Made.",
    202: "Taken; what follows comes in the background, or by mail.",
    204: "Done; there is nothing to tell.",
    304: "What you have is current.",
    400: "The request cannot be read: malformed JSON, query, cursor or header.",
    401: "There is no token, or it does not hold, or what was given in its place.",
    403: "The token does not allow this.",
    404: "Missing, or not yours.",
    406: "Answers are JSON, and `Accept` excludes it.",
    409: "It conflicts with how things are.",
    412: "`If-Match` names an older state; `ETag` is the current one.",
    413: "The body is too large.",
    415: "The body is not of a type that is taken here.",
    422: "A field is unknown or its value is not allowed; `errors` names each.",
    429: "Too many tries for now; `Retry-After` says when.",
    500: "Something went wrong on our side; `request_id` finds it in the log.",
    503: "Not at this moment; `Retry-After` says when to try again.",
}

# Every word that `code` may be, by status. A test reads the source and compares.
CODES: dict[int, dict[str, str]] = {
    400: {
        "bad_request": "a header is malformed",
        "bad_query": "a parameter is unknown, repeated or malformed",
        "bad_cursor": "a cursor is not one of this list",
        "malformed_json": "the body is not JSON",
        "json_too_deep": "the JSON is nested too deeply",
        "json_too_complex": "the JSON has too many arrays and objects",
    },
    401: {
        "unauthorized": "no token, or one that does not hold",
        "wrong_credentials": "log-in: the address or the password is not right",
        "invalid_refresh_token": "refresh: the session is over",
    },
    403: {
        "forbidden": "not allowed",
        "insufficient_scope": "the token lacks the scope that `WWW-Authenticate` names",
        "cross_site_request": "refresh: the cookie works from our own pages only",
    },
    404: {"not_found": "missing, or not yours"},
    405: {"method_not_allowed": "`Allow` names the methods that are taken"},
    406: {"not_acceptable": "`Accept` excludes JSON"},
    409: {
        "conflict": "somebody else changed this at the same moment",
        "idempotency_key_in_use": "the first request with this key has not ended yet",
        "idempotency_key_abandoned": "it was reported as not applied, which is final",
        "idempotent_answer_purged": "it was applied, and what it answered was deleted for good since",
        "job_is_done": "the job is done, and nothing is done twice",
        "job_is_running": "the job is being done at this moment",
        "last_admin": "the last admin cannot be lost",
        "not_trashed": "the task is not in the trash",
        "project_holds_tasks": "say what becomes of the project's tasks",
        "too_many_exports": "as many exports are being made as may be at a time",
        "too_many_imports": "as many imports are under way as may be at a time",
        "too_many_tokens": "there are as many personal tokens as there may be",
    },
    412: {"stale_match": "it was changed since you read it"},
    413: {"too_large": "a body may have 1 MiB, and a file for import what the operators set"},
    415: {"wrong_media_type": "send JSON in UTF-8, not compressed"},
    422: {
        "invalid": "a field is unknown or its value is not allowed",
        "idempotency_key_reused": "the key was used for another request",
    },
    429: {"too_many": "a limit is reached"},
    500: {"internal_error": "a fault of ours"},
    503: {
        "busy": "try again shortly",
        "files_away": "the place where files are kept cannot be used",
        "replica_behind": "the primary is away, and no replica has all that you have seen",
        "outcome_unknown": "it may or may not have been done: ask GET /api/v1/operations",
    },
}

_RATE_LIMIT = "of the draft RateLimit header fields for HTTP (IETF)"


def _text(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string", **schema}}


ANSWER_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": _text("Names the request in our log.", pattern="^[A-Za-z0-9._-]{1,128}$"),
    "Cache-Control": _text("How the answer may be kept."),
    "Vary": _text("What of the request the answer depends on."),
    "ETag": _text("The state of what is answered, for `If-None-Match` and `If-Match`.", pattern='^".*"$'),
    "Location": _text("Where what was made is.", format="uri-reference"),
    "Consistency-Token": _text("What you have seen now; send the newest one along."),
    "X-Cache": _text(
        "Whether the answer came from memory.", **{"x-extensible-enum": ["hit", "miss", "bypass"]}
    ),
    "X-Consistency": _text(
        "Told while the primary is away: a replica answers, which may lack what was written last.",
        **{"x-extensible-enum": ["replica"]},
    ),
    "Server-Timing": _text("Told to admins: how long which part of the answer took, in milliseconds."),
    "RateLimit-Policy": _text(f'The limit, as `"name";q=quota;w=seconds` {_RATE_LIMIT}.'),
    "RateLimit": _text(f'How it stands, as `"name";r=remaining;t=seconds` {_RATE_LIMIT}.'),
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "WWW-Authenticate": _text("How to authenticate.", pattern="^Bearer"),
    "Idempotency-Replayed": _text("Told where the key was used already.", const="true"),
    "Set-Cookie": _text("The refresh token, where a cookie was asked for; or its end."),
    "Deprecation": _text("Since when this is deprecated (RFC 9745).", pattern="^@[0-9]+$"),
    "Sunset": _text("From when on this may be gone (RFC 8594)."),
    "Link": _text("Where to read about it."),
}

# The headers that are not in each answer that may have them.
SOMETIMES = frozenset(
    {
        "Consistency-Token",
        "RateLimit-Policy",
        "RateLimit",
        "Idempotency-Replayed",
        "Set-Cookie",
        "X-Consistency",
        "Server-Timing",
    }
)

_TAG = r'(W/)?"[\x21\x23-\x7e]*"'
_TAGS = rf"^(\*|{_TAG}(, ?{_TAG})*)$"
REQUEST_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": _text(
        "A name for this request: 1 to 128 letters, digits, `.`, `_` and `-`. Anything else is replaced."
    ),
    "Consistency-Token": _text("The newest one you were given; one that is not yours is ignored."),
    "Idempotency-Key": _text(
        "A fresh word for this write, for 24 hours: sent again, it is done once and answered alike.",
        pattern="^[\\x20-\\x7e]{1,255}$",
    ),
    "If-Match": _text("Do it only to this state: an ETag, several, or `*`.", pattern=_TAGS),
    "If-None-Match": _text("Answer only what I do not have: an ETag, several, or `*`.", pattern=_TAGS),
}
