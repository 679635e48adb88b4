"""Lists asked for as clients ask, but of the service itself and for a scope without an account."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from taskapi.actors import Actor
from taskapi.lists import service
from taskapi.lists.schemas import Sort, TaskList
from taskapi.parsing import query_of
from taskapi.parts import Parts

SORTS: tuple[str, ...] = get_args(Sort)

Query = dict[str, str | list[str]]


@dataclass(frozen=True)
class Lists:
    """The lists of one scope."""

    parts: Parts
    scope: str

    def page(self, query: Query) -> dict[str, Any]:
        pairs = {name: [given] if isinstance(given, str) else given for name, given in query.items()}
        wanted = query_of(TaskList, pairs)
        assert wanted is not None
        actor = Actor(self.scope, "", "api", "")
        with self.parts.database.reader() as session:
            page, under = service.search(session, actor, self.parts.cursors, wanted)
        assert under > 0
        return page

    def pages(self, query: Query) -> Iterator[dict[str, Any]]:
        """The pages of one walk to its end, of which only the last may be short."""
        query = dict(query)
        while True:
            page = self.page(query)
            yield page
            if page["next_cursor"] is None:
                return
            assert len(page["items"]) == int(str(query.get("limit", 50)))
            query["cursor"] = page["next_cursor"]

    def walk(self, query: Query) -> list[str]:
        return [task["id"] for page in self.pages(query) for task in page["items"]]
