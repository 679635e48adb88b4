from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from taskapi.documented import Documented
from taskapi.parsing import Body, FilledLine, Path, UuidText
from taskapi.tasks.service import Instant

TokenScope = Literal["tasks:read", "tasks:write"]


def _distinct(scopes: list[TokenScope]) -> list[TokenScope]:
    if len(set(scopes)) < len(scopes):
        raise ValueError("must not name a scope twice")
    return scopes


class NewToken(Body):
    name: Annotated[FilledLine, Field(min_length=1, max_length=100)]
    scopes: Annotated[
        list[TokenScope], Field(min_length=1), AfterValidator(_distinct), Documented(uniqueItems=True)
    ]
    # None: until it is revoked.
    expires_at: Instant | None = None


class TokenPath(Path):
    token_id: UuidText


class TokenOut(BaseModel):
    id: str
    name: str
    scopes: list[TokenScope]
    prefix: str = Field(description="How the token begins.")
    created_at: str
    expires_at: str | None
    last_used_at: str | None = Field(description="To within some minutes; null for never.")


class NewTokenOut(TokenOut):
    token: str = Field(description="The token itself: it is shown this once.")


class TokenList(BaseModel):
    items: list[TokenOut]
