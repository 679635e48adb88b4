"""The operations of the API and the shapes of what they take and answer.

Made from the document by `make client`; not to be edited.
"""

# ruff: noqa: A002, PLR0913 - an argument for each parameter, by its name

from typing import Any, Literal, NotRequired, TypedDict

from taskapi.client.transport import UNSET, Answer, Request, Transport, Unset, path_of, sent


class Alive(TypedDict):
    status: str


class Health(TypedDict):
    status: str
    timestamp: str
    version: str
    db: str
    redis: NotRequired[str]
    replicas: NotRequired[str]


class Readiness(TypedDict):
    status: str
    db: str
    redis: NotRequired[str]
    replicas: NotRequired[str]


class Key(TypedDict):
    """The public half of a signing key, on the curve P-256."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str
    alg: str


class KeySet(TypedDict):
    keys: list[Key]


class TokensOut(TypedDict):
    access_token: str
    token_type: str
    expires_in: int
    refresh_token: NotRequired[str]


class SessionOut(TypedDict):
    id: str
    created_at: str
    last_seen_at: str
    ip: str
    user_agent: str
    current: bool


class SessionList(TypedDict):
    items: list[SessionOut]


class Accepted(TypedDict):
    status: str


class Me(TypedDict):
    id: str
    email: str
    name: str
    role: str
    email_verified: bool
    language: str
    timezone: str
    created_at: str
    updated_at: str


class LimitOut(TypedDict):
    name: str
    quota: int
    window_seconds: int
    remaining: int
    reset_seconds: int


class Limits(TypedDict):
    policies: list[LimitOut]


class PreferencesOut(TypedDict):
    """Which mails a user wants of their tasks."""

    reminders: bool
    remind_before: int | None
    digest: bool
    digest_hour: int


class TokenOut(TypedDict):
    id: str
    name: str
    scopes: list[str]
    prefix: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class TokenList(TypedDict):
    items: list[TokenOut]


class NewTokenOut(TypedDict):
    id: str
    name: str
    scopes: list[str]
    prefix: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    token: str


class TaskOut(TypedDict):
    """A task; `position` is compared as text, code point by code point."""

    id: str
    title: str
    description: str
    status: str
    priority: str
    due_at: str | None
    due_on: str | None
    remind_at: str | None
    labels: list[str]
    project_id: str | None
    position: str
    completed_at: str | None
    trashed_at: str | None
    created_at: str
    updated_at: str
    version: int


class TaskPage(TypedDict):
    items: list[TaskOut]
    next_cursor: str | None
    total: NotRequired[int]


class Place(TypedDict):
    """A place in the list: directly after one task, or directly before one."""

    after: NotRequired[str]
    before: NotRequired[str]


class Fault(TypedDict):
    pointer: str
    detail: str


class Problem(TypedDict):
    """How every refusal and failure is answered (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: NotRequired[list[Fault]]


class Result(TypedDict):
    """What the call would have been answered: a task, nothing, or a problem."""

    index: int
    status: int
    body: TaskOut | Problem | None


class BulkOut(TypedDict):
    results: list[Result]


class BulkOperation(TypedDict):
    """One call of many: `data` as its body would be, `if_match` as its header."""

    op: Literal["create", "update", "delete", "restore"]
    id: NotRequired[str]
    if_match: NotRequired[str]
    data: NotRequired[dict[str, Any]]


class FieldChange(TypedDict):
    field: str
    before: Any
    after: Any


class TaskChangeOut(TypedDict):
    at: str
    actor_id: str
    via: str
    request_id: str
    changes: list[FieldChange]


class TaskHistory(TypedDict):
    items: list[TaskChangeOut]
    next_cursor: str | None


class Operation(TypedDict):
    key: str
    outcome: str
    status: NotRequired[int]
    at: NotRequired[str]


class ProjectOut(TypedDict):
    id: str
    name: str
    color: str | None
    archived: bool
    position: str
    task_count: int
    created_at: str
    updated_at: str
    version: int


class ProjectPage(TypedDict):
    items: list[ProjectOut]
    next_cursor: str | None


class LabelOut(TypedDict):
    name: str
    count: int


class Labels(TypedDict):
    items: list[LabelOut]


Renamed = TypedDict("Renamed", {"from": str, "to": str, "changed": int})


class DayOut(TypedDict):
    date: str
    count: int


class Stats(TypedDict):
    todo: int
    in_progress: int
    done: int
    overdue: int
    trashed: int
    done_per_day: list[DayOut]


class ExportProgress(TypedDict):
    """`total` is null before it is known."""

    done: int
    total: int | None


class ExportOut(TypedDict):
    """A file of the caller's tasks; `url` leads to it without a token of its own, until `expires_at`."""

    id: str
    format: str
    status: str
    progress: ExportProgress
    size: int | None
    sha256: str | None
    url: str | None
    created_at: str
    finished_at: str | None
    expires_at: str | None


class ExportList(TypedDict):
    items: list[ExportOut]


class ImportProgress(TypedDict):
    """`total` is null before the file was examined."""

    done: int
    total: int | None


class ImportFault(TypedDict):
    """What is wrong with one task; `number` is its line in a table, or its place in another file."""

    number: int
    title: str
    detail: str


class ImportOut(TypedDict):
    """A file whose tasks are taken over, or after a dry run only looked at."""

    id: str
    format: str
    dry_run: bool
    status: str
    progress: ImportProgress
    failed: int
    projects: int
    faults: list[ImportFault]
    error: str | None
    created_at: str
    finished_at: str | None


class ImportList(TypedDict):
    items: list[ImportOut]


class UserOut(TypedDict):
    id: str
    email: str
    name: str
    role: str
    disabled: bool
    email_verified: bool
    language: str
    timezone: str
    created_at: str
    updated_at: str
    delete_after: str | None


class UserPage(TypedDict):
    items: list[UserOut]
    next_cursor: str | None
    total: NotRequired[int]


class AuditEntryOut(TypedDict):
    id: str
    at: str
    actor_id: str | None
    action: str
    target_kind: str | None
    target_id: str | None
    via: str
    request_id: str
    details: dict[str, Any]


class AuditPage(TypedDict):
    items: list[AuditEntryOut]
    next_cursor: str | None


class UserCounts(TypedDict):
    total: int
    admins: int
    disabled: int
    unverified: int
    going: int


class TaskCounts(TypedDict):
    total: int
    todo: int
    in_progress: int
    done: int
    trashed: int


class JobCounts(TypedDict):
    waiting: int
    running: int
    done: int
    parked: int
    oldest_waiting_seconds: int | None


class AdminStats(TypedDict):
    users: UserCounts
    tasks: TaskCounts
    jobs: JobCounts


class Service(TypedDict):
    """The last hour by steps, the oldest first; null where nothing was sampled, as before the start."""

    scope: str
    processes: int
    version: str
    database: str
    started_at: str
    first_at: str
    step_seconds: int
    requests: list[int | None]
    refused: list[int | None]
    failed: list[int | None]
    hits: list[int | None]
    p50_ms: list[float | None]
    p99_ms: list[float | None]
    cores: list[float | None]
    database_waits: list[float | None]


class JobOut(TypedDict):
    id: str
    kind: str
    state: str
    attempts: int
    created_at: str
    due_at: str
    done_at: str | None
    parked_at: str | None
    last_error: str | None
    user_id: str | None
    request_id: str


class JobPage(TypedDict):
    items: list[JobOut]
    next_cursor: str | None


class Client(Transport):
    """The service, an operation a method; each raises ProblemError where it is refused."""

    def ask_for_export(
        self, *, format: Literal["json", "csv", "ics"], idempotency_key: str | None = None
    ) -> Answer[ExportOut]:
        """Ask for a file of all tasks.

        It is made in the background, from one moment of the database, and kept for a day. As JSON it has
        projects and the trash as well, and can be imported again.
        """
        return self.send(
            Request(
                "POST",
                "/api/v1/exports",
                headers={"Idempotency-Key": idempotency_key},
                body=sent(format=format),
                is_keyed=True,
            )
        )

    def change_email(
        self, *, password: str, email: str, idempotency_key: str | None = None
    ) -> Answer[Accepted]:
        """Change the caller's address.

        The change is made when the new address is verified, by the token mailed there.
        """
        return self.send(
            Request(
                "POST",
                "/api/v1/me/email",
                headers={"Idempotency-Key": idempotency_key},
                body=sent(password=password, email=email),
                is_keyed=True,
            )
        )

    def change_many_tasks(
        self,
        *,
        operations: list[BulkOperation],
        atomic: bool | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Answer[BulkOut]:
        """Do up to a hundred changes of tasks at once.

        They are done in their order, each as its own call would be; `atomic` does all or none, and then one
        refusal is the answer, its pointer naming the operation. Counts one by one against limits.
        """
        return self.send(
            Request(
                "POST",
                "/api/v1/tasks/bulk",
                headers={"Idempotency-Key": idempotency_key},
                body=sent(atomic=atomic, operations=operations),
                is_keyed=True,
            )
        )

    def change_me(
        self,
        *,
        name: str | Unset = UNSET,
        language: str | Unset = UNSET,
        timezone: str | Unset = UNSET,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[Me]:
        """Change the caller's name, language or time zone.

        A merge patch (RFC 7396): what is absent stays.
        """
        return self.send(
            Request(
                "PATCH",
                "/api/v1/me",
                headers={"If-Match": if_match, "Idempotency-Key": idempotency_key},
                body=sent(name=name, language=language, timezone=timezone),
                is_keyed=True,
            )
        )

    def change_password(
        self, *, current_password: str, new_password: str, idempotency_key: str | None = None
    ) -> Answer[None]:
        """Change the caller's password.

        Ends all other sessions.
        """
        return self.send(
            Request(
                "POST",
                "/api/v1/me/password",
                headers={"Idempotency-Key": idempotency_key},
                body=sent(current_password=current_password, new_password=new_password),
                is_keyed=True,
            )
        )

    def change_preferences(
        self,
        *,
        reminders: bool | Unset = UNSET,
        remind_before: int | Unset | None = UNSET,
        digest: bool | Unset = UNSET,
        digest_hour: int | Unset = UNSET,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[PreferencesOut]:
        """Change which mails the caller wants of their tasks.

        A merge patch (RFC 7396): what is absent stays, and a null of `remind_before` ends the default.
        """
        return self.send(
            Request(
                "PATCH",
                "/api/v1/me/notifications",
                headers={"If-Match": if_match, "Idempotency-Key": idempotency_key},
                body=sent(
                    reminders=reminders, remind_before=remind_before, digest=digest, digest_hour=digest_hour
                ),
                is_keyed=True,
            )
        )

    def change_project(
        self,
        project_id: str,
        *,
        name: str | Unset = UNSET,
        color: str | Unset | None = UNSET,
        archived: bool | Unset = UNSET,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[ProjectOut]:
        """Change a project.

        A merge patch (RFC 7396): what is absent stays, null clears the colour.
        """
        return self.send(
            Request(
                "PATCH",
                path_of("/api/v1/projects/{project_id}", project_id=project_id),
                headers={"If-Match": if_match, "Idempotency-Key": idempotency_key},
                body=sent(name=name, color=color, archived=archived),
                is_keyed=True,
            )
        )

    def change_task(
        self,
        task_id: str,
        *,
        title: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
        status: Literal["todo", "in_progress", "done"] | Unset = UNSET,
        priority: Literal["none", "low", "medium", "high", "urgent"] | Unset = UNSET,
        due_at: str | Unset | None = UNSET,
        due_on: str | Unset | None = UNSET,
        remind_at: str | Unset | None = UNSET,
        labels: list[str] | Unset = UNSET,
        project_id: str | Unset | None = UNSET,
        position: Place | Unset = UNSET,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[TaskOut]:
        """Change a task.

        A merge patch (RFC 7396): what is absent stays, null clears what can be cleared. An equal value is
        no change.
        """
        return self.send(
            Request(
                "PATCH",
                path_of("/api/v1/tasks/{task_id}", task_id=task_id),
                headers={"If-Match": if_match, "Idempotency-Key": idempotency_key},
                body=sent(
                    title=title,
                    description=description,
                    status=status,
                    priority=priority,
                    due_at=due_at,
                    due_on=due_on,
                    remind_at=remind_at,
                    labels=labels,
                    project_id=project_id,
                    position=position,
                ),
                is_keyed=True,
            )
        )

    def change_user(
        self,
        user_id: str,
        *,
        role: Literal["user", "admin"] | Unset = UNSET,
        disabled: bool | Unset = UNSET,
        name: str | Unset = UNSET,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[UserOut]:
        """Change a user's role or name, shut them out or let them in."""
        return self.send(
            Request(
                "PATCH",
                path_of("/api/v1/admin/users/{user_id}", user_id=user_id),
                headers={"If-Match": if_match, "Idempotency-Key": idempotency_key},
                body=sent(role=role, disabled=disabled, name=name),
                is_keyed=True,
            )
        )

    def create_project(
        self,
        *,
        name: str,
        color: str | Unset | None = UNSET,
        archived: bool | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Answer[ProjectOut]:
        """Make a project."""
        return self.send(
            Request(
                "POST",
                "/api/v1/projects",
                headers={"Idempotency-Key": idempotency_key},
                body=sent(name=name, color=color, archived=archived),
                is_keyed=True,
            )
        )

    def create_task(
        self,
        *,
        title: str,
        description: str | Unset | None = UNSET,
        status: Literal["todo", "in_progress", "done"] | Unset = UNSET,
        priority: Literal["none", "low", "medium", "high", "urgent"] | Unset = UNSET,
        due_at: str | Unset | None = UNSET,
        due_on: str | Unset | None = UNSET,
        remind_at: str | Unset | None = UNSET,
        labels: list[str] | Unset = UNSET,
        project_id: str | Unset | None = UNSET,
        position: Place | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Answer[TaskOut]:
        """Make a task.

        It goes to the top of the list, or where `position` says.
        """
        return self.send(
            Request(
                "POST",
                "/api/v1/tasks",
                headers={"Idempotency-Key": idempotency_key},
                body=sent(
                    title=title,
                    description=description,
                    status=status,
                    priority=priority,
                    due_at=due_at,
                    due_on=due_on,
                    remind_at=remind_at,
                    labels=labels,
                    project_id=project_id,
                    position=position,
                ),
                is_keyed=True,
            )
        )

    def create_token(
        self,
        *,
        name: str,
        scopes: list[Literal["tasks:read", "tasks:write"]],
        expires_at: str | Unset | None = UNSET,
        idempotency_key: str | None = None,
    ) -> Answer[NewTokenOut]:
        """Make a personal token for scripts; it is shown this once."""
        return self.send(
            Request(
                "POST",
                "/api/v1/me/tokens",
                headers={"Idempotency-Key": idempotency_key},
                body=sent(name=name, scopes=scopes, expires_at=expires_at),
                is_keyed=True,
            )
        )

    def delete_export(self, export_id: str, *, idempotency_key: str | None = None) -> Answer[None]:
        """Delete an export and its file."""
        return self.send(
            Request(
                "DELETE",
                path_of("/api/v1/exports/{export_id}", export_id=export_id),
                headers={"Idempotency-Key": idempotency_key},
                is_keyed=True,
            )
        )

    def delete_me(self, *, password: str, idempotency_key: str | None = None) -> Answer[None]:
        """Delete the caller's account.

        It is gone after 14 days; logging in before that keeps it.
        """
        return self.send(
            Request(
                "DELETE",
                "/api/v1/me",
                headers={"Idempotency-Key": idempotency_key},
                body=sent(password=password),
                is_keyed=True,
            )
        )

    def delete_project(
        self,
        project_id: str,
        *,
        tasks: Literal["trash", "inbox"] | None = None,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[None]:
        """Delete a project.

        Where it holds tasks, `tasks` has to say what becomes of them.
        """
        return self.send(
            Request(
                "DELETE",
                path_of("/api/v1/projects/{project_id}", project_id=project_id),
                query={"tasks": tasks},
                headers={"If-Match": if_match, "Idempotency-Key": idempotency_key},
                is_keyed=True,
            )
        )

    def delete_task(
        self,
        task_id: str,
        *,
        permanent: bool | None = None,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[None]:
        """Move a task to the trash, or delete it for good.

        The trash is emptied after 30 days. `permanent=true` also deletes what is in the trash.
        """
        return self.send(
            Request(
                "DELETE",
                path_of("/api/v1/tasks/{task_id}", task_id=task_id),
                query={"permanent": permanent},
                headers={"If-Match": if_match, "Idempotency-Key": idempotency_key},
                is_keyed=True,
            )
        )

    def end_session(self, session_id: str) -> Answer[None]:
        """End one of the caller's sessions."""
        return self.send(
            Request("DELETE", path_of("/api/v1/auth/sessions/{session_id}", session_id=session_id))
        )

    def end_sessions(self, *, keep_current: bool | None = None) -> Answer[None]:
        """End all of the caller's sessions."""
        return self.send(Request("DELETE", "/api/v1/auth/sessions", query={"keep_current": keep_current}))

    def forgot_password(self, *, email: str) -> Answer[Accepted]:
        """Ask for a mail to choose a new password.

        Answers alike whether the address is known or not.
        """
        return self.send(Request("POST", "/api/v1/auth/password/forgot", body=sent(email=email)))

    def get_admin_service(self) -> Answer[Service]:
        """Show how the service did in the last hour.

        How much was asked of it, how that was answered and how fast, in steps of some seconds.
        """
        return self.send(Request("GET", "/api/v1/admin/service"))

    def get_admin_stats(self) -> Answer[AdminStats]:
        """Count users, tasks and jobs of this instance."""
        return self.send(Request("GET", "/api/v1/admin/stats"))

    def get_export(self, export_id: str) -> Answer[ExportOut]:
        """Show how an export is coming along.

        Once it is done `url` leads to the file, for a day and without a token of its own.
        """
        return self.send(Request("GET", path_of("/api/v1/exports/{export_id}", export_id=export_id)))

    def get_import(self, import_id: str) -> Answer[ImportOut]:
        """Show how an import is coming along, or what a dry run found."""
        return self.send(Request("GET", path_of("/api/v1/imports/{import_id}", import_id=import_id)))

    def get_limits(self) -> Answer[Limits]:
        """Show how the caller's limits stand."""
        return self.send(Request("GET", "/api/v1/me/limits"))

    def get_me(self, *, if_none_match: str | None = None) -> Answer[Me]:
        """Show the caller's account."""
        return self.send(Request("GET", "/api/v1/me", headers={"If-None-Match": if_none_match}))

    def get_operation(self, *, key: str) -> Answer[Operation]:
        """Find out what became of a request whose answer was lost.

        `not_applied` is final: a request that comes with that key later is refused.
        """
        return self.send(Request("GET", "/api/v1/operations", query={"key": key}))

    def get_preferences(self, *, if_none_match: str | None = None) -> Answer[PreferencesOut]:
        """Show which mails the caller wants of their tasks."""
        return self.send(Request("GET", "/api/v1/me/notifications", headers={"If-None-Match": if_none_match}))

    def get_project(self, project_id: str, *, if_none_match: str | None = None) -> Answer[ProjectOut]:
        """Show a project."""
        return self.send(
            Request(
                "GET",
                path_of("/api/v1/projects/{project_id}", project_id=project_id),
                headers={"If-None-Match": if_none_match},
            )
        )

    def get_stats(self, *, if_none_match: str | None = None) -> Answer[Stats]:
        """Count the caller's tasks.

        `done_per_day` has 30 days, the last of which is today in the caller's time zone.
        """
        return self.send(Request("GET", "/api/v1/stats", headers={"If-None-Match": if_none_match}))

    def get_task(self, task_id: str, *, if_none_match: str | None = None) -> Answer[TaskOut]:
        """Show a task."""
        return self.send(
            Request(
                "GET",
                path_of("/api/v1/tasks/{task_id}", task_id=task_id),
                headers={"If-None-Match": if_none_match},
            )
        )

    def get_user(self, user_id: str, *, if_none_match: str | None = None) -> Answer[UserOut]:
        """Look at one user."""
        return self.send(
            Request(
                "GET",
                path_of("/api/v1/admin/users/{user_id}", user_id=user_id),
                headers={"If-None-Match": if_none_match},
            )
        )

    def health(self) -> Answer[Health]:
        """Say how the service is."""
        return self.send(Request("GET", "/health"))

    def import_file(
        self,
        file: bytes,
        *,
        format: Literal["json", "csv", "todoist", "ics"],
        dry_run: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[ImportOut]:
        """Take over the tasks of a file, which is the body.

        `json` is what an export gives or an array of tasks, `csv` a table with a line of names, `todoist`
        is Todoist's CSV, `ics` a calendar. It is examined in the background first; with `dry_run=true` that
        is all.
        """
        return self.send(
            Request(
                "POST",
                "/api/v1/imports",
                query={"format": format, "dry_run": dry_run},
                headers={"Idempotency-Key": idempotency_key},
                file=file,
                is_keyed=True,
            )
        )

    def jwks(self) -> Answer[KeySet]:
        """Give the keys that access tokens are verified with (RFC 7517)."""
        return self.send(Request("GET", "/.well-known/jwks.json"))

    def list_audit(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Answer[AuditPage]:
        """List what was remembered for good, the newest first."""
        return self.send(
            Request(
                "GET",
                "/api/v1/admin/audit",
                query={
                    "actor": actor,
                    "action": action,
                    "since": since,
                    "until": until,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )

    def list_exports(self) -> Answer[ExportList]:
        """List the newest exports."""
        return self.send(Request("GET", "/api/v1/exports"))

    def list_history(
        self,
        task_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        if_none_match: str | None = None,
    ) -> Answer[TaskHistory]:
        """List what was done to a task, newest first.

        Also of a task in the trash.
        """
        return self.send(
            Request(
                "GET",
                path_of("/api/v1/tasks/{task_id}/history", task_id=task_id),
                query={"limit": limit, "cursor": cursor},
                headers={"If-None-Match": if_none_match},
            )
        )

    def list_imports(self) -> Answer[ImportList]:
        """List the newest imports."""
        return self.send(Request("GET", "/api/v1/imports"))

    def list_jobs(
        self,
        *,
        state: Literal["waiting", "running", "done", "parked"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Answer[JobPage]:
        """List the background jobs, the newest first."""
        return self.send(
            Request("GET", "/api/v1/admin/jobs", query={"state": state, "limit": limit, "cursor": cursor})
        )

    def list_labels(self, *, if_none_match: str | None = None) -> Answer[Labels]:
        """List the labels in use, with how many tasks have each."""
        return self.send(Request("GET", "/api/v1/labels", headers={"If-None-Match": if_none_match}))

    def list_projects(
        self,
        *,
        archived: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        if_none_match: str | None = None,
    ) -> Answer[ProjectPage]:
        """List projects."""
        return self.send(
            Request(
                "GET",
                "/api/v1/projects",
                query={"archived": archived, "limit": limit, "cursor": cursor},
                headers={"If-None-Match": if_none_match},
            )
        )

    def list_sessions(self) -> Answer[SessionList]:
        """List the caller's sessions."""
        return self.send(Request("GET", "/api/v1/auth/sessions"))

    def list_tasks(
        self,
        *,
        status: list[Literal["todo", "in_progress", "done"]] | None = None,
        priority: list[Literal["none", "low", "medium", "high", "urgent"]] | None = None,
        label: list[str] | None = None,
        project: str | None = None,
        due_before: str | None = None,
        due_after: str | None = None,
        q: str | None = None,
        trashed: bool | None = None,
        sort: Literal[
            "created_at",
            "-created_at",
            "updated_at",
            "-updated_at",
            "due",
            "-due",
            "priority",
            "-priority",
            "position",
            "-position",
            "title",
            "-title",
        ]
        | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        count: bool | None = None,
        if_none_match: str | None = None,
    ) -> Answer[TaskPage]:
        """List tasks.

        Filters narrow it, each further one more. A page says where the next begins: hand its `next_cursor`
        in as `cursor`, with the same filters and sort. While walking, every task that keeps its sort key
        appears exactly once.
        """
        return self.send(
            Request(
                "GET",
                "/api/v1/tasks",
                query={
                    "status": status,
                    "priority": priority,
                    "label": label,
                    "project": project,
                    "due_before": due_before,
                    "due_after": due_after,
                    "q": q,
                    "trashed": trashed,
                    "sort": sort,
                    "limit": limit,
                    "cursor": cursor,
                    "count": count,
                },
                headers={"If-None-Match": if_none_match},
            )
        )

    def list_tokens(self) -> Answer[TokenList]:
        """List your personal tokens that can be used."""
        return self.send(Request("GET", "/api/v1/me/tokens"))

    def list_users(
        self,
        *,
        q: str | None = None,
        role: Literal["user", "admin"] | None = None,
        disabled: bool | None = None,
        sort: Literal["created_at", "-created_at", "email", "-email", "name", "-name"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        count: bool | None = None,
        if_none_match: str | None = None,
    ) -> Answer[UserPage]:
        """List and search the users of this instance."""
        return self.send(
            Request(
                "GET",
                "/api/v1/admin/users",
                query={
                    "q": q,
                    "role": role,
                    "disabled": disabled,
                    "sort": sort,
                    "limit": limit,
                    "cursor": cursor,
                    "count": count,
                },
                headers={"If-None-Match": if_none_match},
            )
        )

    def livez(self) -> Answer[Alive]:
        """Say that the process lives.

        Touches nothing else: what is not answering here has to be restarted.
        """
        return self.send(Request("GET", "/livez"))

    def log_user_out(self, user_id: str, *, idempotency_key: str | None = None) -> Answer[None]:
        """End all sessions of a user."""
        return self.send(
            Request(
                "POST",
                path_of("/api/v1/admin/users/{user_id}/logout", user_id=user_id),
                headers={"Idempotency-Key": idempotency_key},
                is_keyed=True,
            )
        )

    def login(self, *, email: str, password: str, use_cookie: bool | Unset = UNSET) -> Answer[TokensOut]:
        """Log in with address and password.

        Why it is refused is not told: an unknown address, a wrong password, an account that is not verified
        or disabled answer alike. With `use_cookie` the refresh token comes in a cookie that scripts cannot
        read.
        """
        return self.send(
            Request(
                "POST", "/api/v1/auth/login", body=sent(email=email, password=password, use_cookie=use_cookie)
            )
        )

    def logout(self) -> Answer[None]:
        """End this session.

        Its access token is refused from now on.
        """
        return self.send(Request("POST", "/api/v1/auth/logout"))

    def readyz(self) -> Answer[Readiness]:
        """Say whether requests can be answered now.

        Not by a process that was told to end.
        """
        return self.send(Request("GET", "/readyz"))

    def refresh(self, *, refresh_token: str | Unset | None = UNSET) -> Answer[TokensOut]:
        """Take new tokens for a refresh token.

        A refresh token is good for one use: keep the new one. The one before it works for ten more seconds,
        in case the answer was lost; an older one ends the session. Without a body the cookie is used.
        """
        return self.send(Request("POST", "/api/v1/auth/refresh", body=sent(refresh_token=refresh_token)))

    def register(
        self,
        *,
        email: str,
        password: str,
        name: str | Unset = UNSET,
        language: str | Unset = UNSET,
        timezone: str | Unset = UNSET,
    ) -> Answer[Accepted]:
        """Make an account.

        Answers alike, and in the same time, whether the address is known or not: its owner is told by mail.
        Where verification is required, the account works once the mailed token came back to
        `/auth/email/verify`.
        """
        return self.send(
            Request(
                "POST",
                "/api/v1/auth/register",
                body=sent(email=email, password=password, name=name, language=language, timezone=timezone),
            )
        )

    def rename_label(self, *, from_: str, to: str, idempotency_key: str | None = None) -> Answer[Renamed]:
        """Rename a label on all tasks.

        Where a task has both, they become one.
        """
        return self.send(
            Request(
                "POST",
                "/api/v1/labels/rename",
                headers={"Idempotency-Key": idempotency_key},
                body=sent(from_=from_, to=to),
                is_keyed=True,
            )
        )

    def replace_task(
        self,
        task_id: str,
        *,
        title: str,
        description: str | Unset | None = UNSET,
        status: Literal["todo", "in_progress", "done"] | Unset = UNSET,
        priority: Literal["none", "low", "medium", "high", "urgent"] | Unset = UNSET,
        due_at: str | Unset | None = UNSET,
        due_on: str | Unset | None = UNSET,
        remind_at: str | Unset | None = UNSET,
        labels: list[str] | Unset = UNSET,
        project_id: str | Unset | None = UNSET,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[TaskOut]:
        """Replace a task.

        What is missing has its default; the place in the list stays.
        """
        return self.send(
            Request(
                "PUT",
                path_of("/api/v1/tasks/{task_id}", task_id=task_id),
                headers={"If-Match": if_match, "Idempotency-Key": idempotency_key},
                body=sent(
                    title=title,
                    description=description,
                    status=status,
                    priority=priority,
                    due_at=due_at,
                    due_on=due_on,
                    remind_at=remind_at,
                    labels=labels,
                    project_id=project_id,
                ),
                is_keyed=True,
            )
        )

    def resend_verification(self, *, email: str) -> Answer[Accepted]:
        """Ask for the verification mail again.

        Answers alike whether there is anything to verify or not.
        """
        return self.send(Request("POST", "/api/v1/auth/email/resend", body=sent(email=email)))

    def reset_password(self, *, token: str, password: str) -> Answer[None]:
        """Choose a new password with a mailed token.

        Ends all sessions of the account.
        """
        return self.send(
            Request("POST", "/api/v1/auth/password/reset", body=sent(token=token, password=password))
        )

    def restore_task(self, task_id: str, *, idempotency_key: str | None = None) -> Answer[TaskOut]:
        """Take a task out of the trash."""
        return self.send(
            Request(
                "POST",
                path_of("/api/v1/tasks/{task_id}/restore", task_id=task_id),
                headers={"Idempotency-Key": idempotency_key},
                is_keyed=True,
            )
        )

    def retry_job(self, job_id: str, *, idempotency_key: str | None = None) -> Answer[JobOut]:
        """Have a job done now that was given up or waits."""
        return self.send(
            Request(
                "POST",
                path_of("/api/v1/admin/jobs/{job_id}/retry", job_id=job_id),
                headers={"Idempotency-Key": idempotency_key},
                is_keyed=True,
            )
        )

    def revoke_token(self, token_id: str, *, idempotency_key: str | None = None) -> Answer[None]:
        """Revoke a personal token: it is refused from now on, everywhere."""
        return self.send(
            Request(
                "DELETE",
                path_of("/api/v1/me/tokens/{token_id}", token_id=token_id),
                headers={"Idempotency-Key": idempotency_key},
                is_keyed=True,
            )
        )

    def send_password_reset(self, user_id: str, *, idempotency_key: str | None = None) -> Answer[Accepted]:
        """Send a user the mail by which they can set a new password."""
        return self.send(
            Request(
                "POST",
                path_of("/api/v1/admin/users/{user_id}/password-reset", user_id=user_id),
                headers={"Idempotency-Key": idempotency_key},
                is_keyed=True,
            )
        )

    def verify_email(self, *, token: str) -> Answer[None]:
        """Verify an address with a mailed token.

        It is the address of a new account, or the new one of an account that changes it.
        """
        return self.send(Request("POST", "/api/v1/auth/email/verify", body=sent(token=token)))
