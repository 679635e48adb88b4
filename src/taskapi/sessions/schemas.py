from typing import Annotated

from pydantic import BaseModel, Field

from taskapi.parsing import Nothing, Path, Prose, Query, QueryBool, UuidText


class RefreshRequest(Nothing):
    """Empty where the cookie brings the token."""

    refresh_token: Annotated[Prose, Field(max_length=1024)] | None = None


class SessionPath(Path):
    session_id: UuidText


class EndSessions(Query):
    keep_current: QueryBool = False


class SessionOut(BaseModel):
    id: str
    created_at: str
    last_seen_at: str
    ip: str
    user_agent: str
    current: bool


class SessionList(BaseModel):
    items: list[SessionOut]
