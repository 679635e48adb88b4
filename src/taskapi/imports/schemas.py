from typing import Any, Literal

import orjson
from pydantic import BaseModel, Field

from taskapi.clock import rfc3339
from taskapi.parsing import Path, Query, QueryBool, UuidText

Format = Literal["json", "csv", "todoist", "ics"]
# Of what is wrong in a file so much is told.
MOST_FAULTS = 100


class ImportQuery(Query):
    format: Format
    dry_run: QueryBool = Field(False, description="Only report what would be done.")


class ImportPath(Path):
    import_id: UuidText


class ImportFault(BaseModel):
    """What is wrong with one task; `number` is its line in a table, or its place in another file."""

    number: int
    title: str
    detail: str


class ImportProgress(BaseModel):
    """`total` is null before the file was examined."""

    done: int
    total: int | None


class ImportOut(BaseModel):
    """A file whose tasks are taken over, or after a dry run only looked at."""

    id: str
    format: Format
    dry_run: bool
    status: Literal["waiting", "running", "done", "failed"]
    progress: ImportProgress
    failed: int = Field(description="Tasks that are left out, because something is wrong with them.")
    projects: int = Field(description="Projects that are made for it, or would be.")
    faults: list[ImportFault] = Field(description=f"The first {MOST_FAULTS} of what is wrong.")
    error: str | None = Field(description="Why nothing could be read.")
    created_at: str
    finished_at: str | None


class ImportList(BaseModel):
    items: list[ImportOut]


def represented(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "format": row.format,
        "dry_run": row.dry_run,
        "status": row.status,
        "progress": {"done": row.done, "total": row.total},
        "failed": row.failed,
        "projects": row.projects,
        "faults": orjson.Fragment(row.faults),
        "error": row.error,
        "created_at": rfc3339(row.created_at),
        "finished_at": rfc3339(row.finished_at),
    }
