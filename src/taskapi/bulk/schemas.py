from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from taskapi.parsing import Body, Path, UuidText
from taskapi.problems import Problem
from taskapi.tasks.service import TaskOut

# What an operation has to say, and what it may say besides.
_NEEDS = {
    "create": {"data"},
    "update": {"id", "data"},
    "delete": {"id"},
    "restore": {"id"},
}
_TAKES = {"update": {"if_match"}, "delete": {"if_match"}}


def _told(schema: dict[str, Any]) -> None:
    """What each operation needs and takes, for the document."""
    for member in schema["properties"].values():
        member.pop("default", None)
    schema["oneOf"] = [_alternative(op, needed) for op, needed in _NEEDS.items()]
    schema["examples"] = [{"op": "create", "data": {"title": "Pay rent"}}]


def _alternative(op: str, needed: set[str]) -> dict[str, Any]:
    refused = {"id", "if_match", "data"} - needed - _TAKES.get(op, set())
    # Not `false`, which is the same: many who read such documents do not know it.
    members: dict[str, Any] = {name: {"not": {}} for name in sorted(refused)}
    return {"properties": {"op": {"const": op}} | members, "required": ["op", *sorted(needed)]}


class BulkOperation(Body):
    """One call of many: `data` as its body would be, `if_match` as its header."""

    model_config = ConfigDict(json_schema_extra=_told)

    op: Literal["create", "update", "delete", "restore"]
    id: str = ""
    if_match: str = ""
    data: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_what_it_takes(self) -> Self:
        said = self.model_fields_set - {"op"}
        if missing := sorted(_NEEDS[self.op] - said):
            raise ValueError(f"{self.op} needs {' and '.join(missing)}")
        if needless := sorted(said - _NEEDS[self.op] - _TAKES.get(self.op, set())):
            raise ValueError(f"{self.op} takes no {' and no '.join(needless)}")
        return self


class Bulk(Body):
    """Up to a hundred operations, done in their order; `atomic` is all or none."""

    atomic: bool = False
    operations: Annotated[list[BulkOperation], Field(min_length=1, max_length=100)]

    @property
    def creates(self) -> int:
        return sum(operation.op == "create" for operation in self.operations)


class Named(Path):
    """The task an operation names: what cannot be an id names nothing."""

    id: UuidText


class Result(BaseModel):
    """What the call would have been answered: a task, nothing, or a problem."""

    index: int
    status: int
    body: TaskOut | Problem | None


class BulkOut(BaseModel):
    results: list[Result]
