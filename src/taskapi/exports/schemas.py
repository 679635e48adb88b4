from typing import Any, Literal

from pydantic import BaseModel, Field

from taskapi.clock import rfc3339
from taskapi.parsing import Body, Path, Query, UuidText

Status = Literal["waiting", "running", "done", "expired", "failed"]


class NewExport(Body):
    format: Literal["json", "csv", "ics"]


class ExportPath(Path):
    export_id: UuidText


class FileQuery(Query):
    token: str = ""


class ExportProgress(BaseModel):
    """`total` is null before it is known."""

    done: int
    total: int | None


class ExportOut(BaseModel):
    """A file of the caller's tasks; `url` leads to it without a token of its own, until `expires_at`."""

    id: str
    format: Literal["json", "csv", "ics"]
    status: Status
    progress: ExportProgress
    size: int | None = Field(description="Of the file, in bytes.")
    sha256: str | None
    url: str | None
    created_at: str
    finished_at: str | None
    expires_at: str | None


class ExportList(BaseModel):
    items: list[ExportOut]


def represented(row: Any, url: str | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "format": row.format,
        "status": "expired" if row.status == "done" and url is None else row.status,
        "progress": {"done": row.done, "total": row.total},
        "size": row.size,
        "sha256": row.sha256,
        "url": url,
        "created_at": rfc3339(row.created_at),
        "finished_at": rfc3339(row.finished_at),
        "expires_at": rfc3339(row.expires_at),
    }
