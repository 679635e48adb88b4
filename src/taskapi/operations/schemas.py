from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from taskapi.parsing import Query

# 1 to 255 printable ASCII characters, as the header has it.
KeyText = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,255}$")]


class OperationQuery(Query):
    key: KeyText


class Operation(BaseModel):
    key: str
    outcome: Literal["applied", "not_applied", "pending"]
    status: int | None = Field(None, description="What an applied one was answered.")
    at: str | None = Field(None, description="When it was applied.")
