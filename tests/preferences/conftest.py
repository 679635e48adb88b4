from collections.abc import Callable

import pytest
from sqlalchemy import select

from taskapi.notifications.models import NotificationSettings
from tests.people import Person


@pytest.fixture
def due_of() -> Callable[[Person], int | None]:
    """When somebody's next digest is due."""

    def find(person: Person) -> int | None:
        statement = select(NotificationSettings.digest_due_at).where(
            NotificationSettings.user_id == person.id
        )
        with person.parts.database.reader() as reading:
            found: int | None = reading.value(statement)
        return found

    return find
