from pydantic import BaseModel, Field

from taskapi.parsing import Body
from taskapi.tasks.service import Label


class LabelRename(Body):
    """`from` is a word of Python's own, so the two fields have longer names here."""

    from_label: Label = Field(alias="from")
    to_label: Label = Field(alias="to")


class LabelOut(BaseModel):
    name: str
    count: int


class Labels(BaseModel):
    items: list[LabelOut]


class Renamed(BaseModel):
    from_label: str = Field(alias="from")
    to_label: str = Field(alias="to")
    changed: int
