from pydantic import BaseModel


class DayOut(BaseModel):
    date: str
    count: int


class Stats(BaseModel):
    todo: int
    in_progress: int
    done: int
    overdue: int
    trashed: int
    done_per_day: list[DayOut]
