"""What admins ask for, and what they are shown."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from taskapi.fields import Name
from taskapi.parsing import Body, Limit, Line, Path, Prose, Query, QueryBool, UuidText
from taskapi.tasks.service import Instant
from taskapi.text import words

# A mail address has some; nobody types more.
MOST_WORDS = 20


def _few_words(text: str) -> str:
    if len(set(words(text))) > MOST_WORDS:
        raise ValueError(f"must not have more than {MOST_WORDS} words")
    return text


Role = Literal["user", "admin"]
UserSort = Literal["created_at", "-created_at", "email", "-email", "name", "-name"]
JobState = Literal["waiting", "running", "done", "parked"]


class UserList(Query):
    q: Annotated[Prose, Field(max_length=200), AfterValidator(_few_words)] = Field(
        "", description="Each word must begin a word of name or address."
    )
    role: Role | None = None
    disabled: QueryBool | None = None
    sort: UserSort = "-created_at"
    limit: Limit = 50
    cursor: str | None = None
    count: QueryBool = False


class UserPath(Path):
    user_id: UuidText


class UserChange(Body):
    """Absent stays; none of these has a null."""

    role: Role = "user"
    disabled: bool = False
    name: Name = ""


class UserOut(BaseModel):
    id: str
    email: str
    name: str
    role: Role
    disabled: bool
    email_verified: bool
    language: str
    timezone: str
    created_at: str
    updated_at: str
    delete_after: str | None


class UserPage(BaseModel):
    items: list[UserOut]
    next_cursor: str | None
    total: int | None = Field(None, description="Present with `count=true` alone.")


class Accepted(BaseModel):
    status: Literal["accepted"] = "accepted"


class AuditList(Query):
    actor: UuidText | None = None
    action: Annotated[Line, Field(max_length=48)] | None = None
    since: Instant | None = Field(None, description="Inclusive.")
    until: Instant | None = Field(None, description="Exclusive.")
    limit: Limit = 50
    cursor: str | None = None


class AuditEntryOut(BaseModel):
    id: str
    at: str
    actor_id: str | None
    action: str
    target_kind: str | None
    target_id: str | None
    via: str
    request_id: str
    details: dict[str, Any]


class AuditPage(BaseModel):
    items: list[AuditEntryOut]
    next_cursor: str | None


class UserCounts(BaseModel):
    total: int
    admins: int
    disabled: int
    unverified: int
    going: int = Field(description="Asked to be deleted, and not gone yet.")


class TaskCounts(BaseModel):
    total: int
    todo: int
    in_progress: int
    done: int
    trashed: int


class JobCounts(BaseModel):
    waiting: int
    running: int
    done: int
    parked: int
    oldest_waiting_seconds: int | None = Field(
        description="How long the job has been due that waits longest; null where none is due."
    )


class AdminStats(BaseModel):
    users: UserCounts
    tasks: TaskCounts
    jobs: JobCounts


Counts = list[int | None]
Measures = list[float | None]


class Service(BaseModel):
    """The last hour by steps, the oldest first; null where nothing was sampled, as before the start."""

    scope: Literal["service", "process"] = Field(
        description="Whose hour it is: of all processes that share a Redis, or of the one that answers."
    )
    processes: int = Field(description="How many of them told something of the last step.")
    version: str
    database: Literal["sqlite", "postgresql"]
    started_at: str = Field(description="When the process that answers began.")
    first_at: str = Field(description="When the first step began.")
    step_seconds: int
    requests: Counts
    refused: Counts = Field(description="Those answered by 4xx.")
    failed: Counts = Field(description="Those answered by 5xx.")
    hits: Counts = Field(description="Those answered from memory.")
    p50_ms: Measures = Field(description="What half of them took at most; null also where there were none.")
    p99_ms: Measures
    cores: Measures = Field(description="Processors that were busy, on average.")
    database_waits: Measures = Field(description="Requests that waited for the primary, on average.")


class JobList(Query):
    state: JobState | None = None
    limit: Limit = 50
    cursor: str | None = None


class JobPath(Path):
    job_id: UuidText


class JobOut(BaseModel):
    id: str
    kind: str
    state: JobState
    attempts: int
    created_at: str
    due_at: str
    done_at: str | None
    parked_at: str | None
    last_error: str | None
    user_id: str | None
    request_id: str


class JobPage(BaseModel):
    items: list[JobOut]
    next_cursor: str | None
