"""Rows that tests write past the API, where an endpoint does not make them."""

from sqlalchemy import insert

from taskapi.ids import new_id
from taskapi.projects.models import Project
from tests.people import Person


def new_project(person: Person) -> str:
    """A project of somebody's own; its id."""
    project_id = new_id()
    values = {
        "scope_id": person.id,
        "id": project_id,
        "name": "Home",
        "color": None,
        "archived": False,
        "position": "0",
        "created_at": 0,
        "updated_at": 0,
        "version": 1,
        "epoch": 1,
    }
    with person.parts.database.writer() as session:
        session.run(insert(Project), values)
    return project_id


def live_titles(person: Person) -> list[str]:
    """The titles of somebody's first page, the newest first."""
    return [task["title"] for task in person.api.get("/tasks", query_string={"limit": 200}).json["items"]]
