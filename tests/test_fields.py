"""Which fields go in and which come out: those of the contract, and none of the columns behind them."""

from typing import Any

import pytest
from flask import Flask

import taskapi.audit.models
import taskapi.idempotency
import taskapi.jobs
import taskapi.notifications.models
import taskapi.projects.models  # noqa: F401 - every model, so that every column is tried
from taskapi.columns import Base
from tests.people import Person, make_person, password_hash
from tests.problems import check_problem
from tests.routes import OPERATIONS, UPLOADS, Operation
from tests.test_access import ROWS
from tests.test_bodies import fields_of

COLUMNS = sorted({column.name for table in Base.metadata.tables.values() for column in table.columns})
GUESSES = [
    "is_admin",
    "admin",
    "user",
    "owner",
    "owner_id",
    "scope",
    "__proto__",
    "__class__",
    "model_config",
]

TASK = {
    *("title", "description", "status", "priority", "due_at", "due_on", "remind_at", "labels", "project_id"),
    "position",
}
PREFERENCES = {"reminders", "remind_before", "digest", "digest_hour"}
PROJECT = {"name", "color", "archived", "position"}
# What api.md lets a client write.
WRITABLE: dict[str, set[str]] = {
    "POST /api/v1/auth/register": {"email", "password", "name", "language", "timezone"},
    "POST /api/v1/auth/login": {"email", "password", "use_cookie"},
    "POST /api/v1/auth/refresh": {"refresh_token"},
    "POST /api/v1/auth/password/forgot": {"email"},
    "POST /api/v1/auth/password/reset": {"token", "password"},
    "POST /api/v1/auth/email/verify": {"token"},
    "POST /api/v1/auth/email/resend": {"email"},
    "PATCH /api/v1/me": {"name", "language", "timezone"},
    "DELETE /api/v1/me": {"password"},
    "POST /api/v1/me/password": {"current_password", "new_password"},
    "POST /api/v1/me/email": {"password", "email"},
    "PATCH /api/v1/me/notifications": PREFERENCES,
    "POST /api/v1/me/tokens": {"name", "scopes", "expires_at"},
    "PATCH /api/v1/admin/users/<user_id>": {"role", "disabled", "name"},
    "POST /api/v1/tasks": TASK,
    "POST /api/v1/tasks/bulk": {"atomic", "operations"},
    "PUT /api/v1/tasks/<task_id>": TASK - {"position"},
    "PATCH /api/v1/tasks/<task_id>": TASK,
    "POST /api/v1/projects": PROJECT,
    "PATCH /api/v1/projects/<project_id>": PROJECT,
    "POST /api/v1/labels/rename": {"from", "to"},
    "POST /api/v1/exports": {"format"},
}

TASK_OUT = TASK | {"id", "completed_at", "trashed_at", "created_at", "updated_at", "version"}
PROJECT_OUT = PROJECT | {"id", "task_count", "created_at", "updated_at", "version"}
STATS = {"todo", "in_progress", "done", "overdue", "trashed", "done_per_day"}
ME = {"id", "email", "name", "role", "email_verified", "language", "timezone", "created_at", "updated_at"}
TOKENS = {"access_token", "token_type", "expires_in", "refresh_token"}
PAGE = {"items", "next_cursor"}
MOMENTS = {"created_at", "finished_at"}
EXPORT = {"id", "format", "status", "progress", "size", "sha256", "url", "expires_at", *MOMENTS}
IMPORT = {"id", "format", "dry_run", "status", "progress", "failed", "projects", "faults", "error", *MOMENTS}
USER = {*ME, "disabled", "delete_after"}
AUDIT_ENTRY = {
    "id",
    "at",
    "actor_id",
    "action",
    "target_kind",
    "target_id",
    "via",
    "request_id",
    "details",
}
JOB = {
    "id",
    "kind",
    "state",
    "attempts",
    "created_at",
    "due_at",
    "done_at",
    "parked_at",
    "last_error",
    "user_id",
    "request_id",
}
TOKEN = {"id", "name", "scopes", "prefix", "created_at", "expires_at", "last_used_at"}
SESSION = {"id", "created_at", "last_seen_at", "ip", "user_agent", "current"}
SERVICE = {"scope", "processes", "version", "database", "started_at", "first_at", "step_seconds"} | {
    *("requests", "refused", "failed", "hits", "p50_ms", "p99_ms", "cores", "database_waits")
}
# What api.md says is answered: the members, and those of each item of a list.
ANSWERED: dict[str, tuple[set[str], set[str]]] = {
    "POST /api/v1/auth/register": ({"status"}, set()),
    "POST /api/v1/auth/login": (TOKENS, set()),
    "POST /api/v1/auth/refresh": (TOKENS, set()),
    "POST /api/v1/auth/password/forgot": ({"status"}, set()),
    "POST /api/v1/auth/email/resend": ({"status"}, set()),
    "GET /api/v1/auth/sessions": ({"items"}, SESSION),
    "GET /api/v1/me": (ME, set()),
    "PATCH /api/v1/me": (ME, set()),
    "POST /api/v1/me/email": ({"status"}, set()),
    "GET /api/v1/me/limits": (
        {"policies"},
        {"name", "quota", "window_seconds", "remaining", "reset_seconds"},
    ),
    "GET /api/v1/me/notifications": (PREFERENCES, set()),
    "PATCH /api/v1/me/notifications": (PREFERENCES, set()),
    "GET /api/v1/me/tokens": ({"items"}, TOKEN),
    # The token itself is shown this once.
    "POST /api/v1/me/tokens": (TOKEN | {"token"}, set()),
    "GET /api/v1/exports": ({"items"}, EXPORT),
    "POST /api/v1/exports": (EXPORT, set()),
    "GET /api/v1/exports/<export_id>": (EXPORT, set()),
    "GET /api/v1/imports": ({"items"}, IMPORT),
    "POST /api/v1/imports": (IMPORT, set()),
    "GET /api/v1/imports/<import_id>": (IMPORT, set()),
    "GET /api/v1/admin/users": (PAGE, USER),
    "GET /api/v1/admin/users/<user_id>": (USER, set()),
    "PATCH /api/v1/admin/users/<user_id>": (USER, set()),
    "POST /api/v1/admin/users/<user_id>/password-reset": ({"status"}, set()),
    "GET /api/v1/admin/audit": (PAGE, AUDIT_ENTRY),
    "GET /api/v1/admin/stats": ({"users", "tasks", "jobs"}, set()),
    "GET /api/v1/admin/service": (SERVICE, set()),
    "GET /api/v1/admin/jobs": (PAGE, JOB),
    "POST /api/v1/admin/jobs/<job_id>/retry": (JOB, set()),
    "GET /api/v1/tasks": (PAGE, TASK_OUT),
    "POST /api/v1/tasks": (TASK_OUT, set()),
    "POST /api/v1/tasks/bulk": ({"results"}, {"index", "status", "body"}),
    "GET /api/v1/tasks/<task_id>": (TASK_OUT, set()),
    "PUT /api/v1/tasks/<task_id>": (TASK_OUT, set()),
    "PATCH /api/v1/tasks/<task_id>": (TASK_OUT, set()),
    "POST /api/v1/tasks/<task_id>/restore": (TASK_OUT, set()),
    "GET /api/v1/tasks/<task_id>/history": (PAGE, {"at", "actor_id", "via", "request_id", "changes"}),
    # Of a key that was never used; `status` and `at` are there where it was.
    "GET /api/v1/operations": ({"key", "outcome"}, set()),
    "GET /api/v1/projects": (PAGE, PROJECT_OUT),
    "POST /api/v1/projects": (PROJECT_OUT, set()),
    "GET /api/v1/projects/<project_id>": (PROJECT_OUT, set()),
    "PATCH /api/v1/projects/<project_id>": (PROJECT_OUT, set()),
    "GET /api/v1/stats": (STATS, {"date", "count"}),
    "GET /api/v1/labels": ({"items"}, {"name", "count"}),
    "POST /api/v1/labels/rename": ({"from", "to", "changed"}, set()),
}
API = [one for one in OPERATIONS if one.rule.startswith("/api/")]
WRITES = [one for one in API if one.method != "GET" and str(one) not in UPLOADS]


def _members(answer: Any) -> tuple[set[str], set[str]]:
    lists = ("items", "policies", "done_per_day", "results")
    inner: list[Any] = next((answer[name] for name in lists if name in answer), [])
    return set(answer), {name for item in inner for name in item}


def _who_may(app: Flask, operation: Operation) -> Person:
    return make_person(app, role="admin" if operation.for_admins else "user")


@pytest.mark.parametrize("operation", WRITES, ids=str)
def test_no_column_can_be_written_that_the_contract_does_not_name(app: Flask, operation: Operation) -> None:
    ann, row = _who_may(app, operation), ROWS[str(operation)]
    body = row.body(ann) or {}
    target = row.target(ann)
    for name in {*COLUMNS, *GUESSES} - WRITABLE.get(str(operation), set()):
        answer = ann.api.call(operation.method, operation.path(target), {**body, name: "admin"})
        check_problem(answer, 422, f"/{name}")
    assert ann.api.get("/me").json["role"] == ("admin" if operation.for_admins else "user")


@pytest.mark.parametrize("operation", WRITES, ids=str)
def test_the_description_names_no_other_field_than_the_contract(app: Flask, operation: Operation) -> None:
    with app.app_context():
        described_fields = set(fields_of(app, operation))
    assert described_fields <= WRITABLE.get(str(operation), set())
    assert bool(described_fields) == (str(operation) in WRITABLE)


@pytest.mark.parametrize("operation", API, ids=str)
def test_an_answer_has_exactly_the_members_of_the_contract(app: Flask, operation: Operation) -> None:
    owner, row = _who_may(app, operation), ROWS[str(operation)]
    owner.new_task(labels=["home"])
    answer = owner.api.call(operation.method, operation.path(row.target(owner)) + row.query, row.body(owner))
    assert answer.status_code == row.status
    for secret in (password_hash(), "argon2", "email_key", "auth_epoch", "scope_id", "search_text"):
        assert secret not in answer.text
    if row.status == 204:
        assert answer.data == b""
        assert "Content-Type" not in answer.headers
        return
    assert answer.headers["Content-Type"] == "application/json"
    members, inner = _members(answer.json)
    expected = ANSWERED[str(operation)]
    assert members == expected[0]
    assert inner in (expected[1], set())


def test_every_change_of_a_history_has_its_three_members(ann: Person) -> None:
    task = ann.new_task(description="Long", priority="high")
    ann.api.patch(f"/tasks/{task['id']}", {"status": "done"})
    items = ann.api.get(f"/tasks/{task['id']}/history").json["items"]
    changes = [change for item in items for change in item["changes"]]
    assert {frozenset(change) for change in changes} == {frozenset({"field", "before", "after"})}
    assert {change["field"] for change in changes} <= TASK_OUT


def test_no_table_was_left_out() -> None:
    assert {
        "users",
        "tasks",
        "sessions",
        "audit",
        "projects",
        "personal_tokens",
    } <= Base.metadata.tables.keys()
    assert len(COLUMNS) > 50
