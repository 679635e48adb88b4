import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from taskapi.clock import rfc3339
from taskapi.documented import Documented
from taskapi.parsing import Body, FilledLine, Limit, Path, Query, QueryBool, UuidText

_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


def _color(value: str) -> str:
    if not _COLOR.fullmatch(value):
        raise ValueError("must be a colour like #1a2b3c")
    return value.lower()


Name = Annotated[FilledLine, Field(min_length=1, max_length=100)]
Color = Annotated[str, AfterValidator(_color), Documented(pattern="^#[0-9A-Fa-f]{6}$")]


class NewProject(Body):
    """What a client may write of a project; each field but the name has its default."""

    name: Name
    color: Color | None = None
    archived: bool = False


class ProjectPatch(NewProject):
    """PATCH (RFC 7396): an absent field stays, null clears the colour."""

    name: Name = ""


class ProjectPath(Path):
    project_id: UuidText


class ProjectList(Query):
    archived: QueryBool | None = None
    limit: Limit = 50
    cursor: str | None = None


class ProjectDelete(Query):
    tasks: Literal["trash", "inbox"] | None = Field(None, description="Where the project's tasks go.")


class ProjectOut(BaseModel):
    id: str
    name: str
    color: str | None
    archived: bool
    position: str
    task_count: int
    created_at: str
    updated_at: str
    version: int


class ProjectPage(BaseModel):
    items: list[ProjectOut]
    next_cursor: str | None


def content_of(row: Any) -> dict[str, Any]:
    """The writable fields of a row, as a client would send them."""
    return {"name": row.name, "color": row.color, "archived": row.archived}


def represented(row: Any) -> dict[str, Any]:
    """A row as it is answered: ProjectOut, without the cost of a model."""
    return {
        "id": row.id,
        **content_of(row),
        "position": row.position,
        "task_count": row.task_count,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
        "version": row.version,
    }
