"""Personal tokens of people in tests."""

from typing import Any

from sqlalchemy import select, update

from taskapi.clock import now
from taskapi.personal_tokens.models import PersonalToken
from tests.people import Api, Person

READ, WRITE = "tasks:read", "tasks:write"


def new_token(person: Person, *scopes: str, **more: Any) -> dict[str, Any]:
    """A token as it was answered, of both scopes where none is named."""
    body = {"name": "Script", "scopes": scopes or (READ, WRITE), **more}
    answer = person.api.post("/me/tokens", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def by_token(person: Person, *scopes: str) -> Api:
    """Somebody's calls with a new personal token."""
    return Api(person.app, new_token(person, *scopes)["token"])


def let_expire(person: Person, token_id: str) -> None:
    with person.parts.database.writer() as session:
        session.run(update(PersonalToken).where(PersonalToken.id == token_id).values(expires_at=now()))


def row_of(person: Person, token_id: str) -> Any:
    with person.parts.database.reader() as reader:
        return reader.row(select(PersonalToken.__table__).where(PersonalToken.id == token_id))
