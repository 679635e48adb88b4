"""Every operation the application has, as its routes say: what tests over all of them are made from."""

from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from taskapi import create_app
from taskapi.http import is_public
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.settings import load_settings


@dataclass(frozen=True, order=True)
class Operation:
    """A method of a route; `rule` as Flask has it: `/api/v1/tasks/<task_id>`."""

    rule: str
    method: str
    public: bool

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def has_id(self) -> bool:
        return "<" in self.rule

    @property
    def for_admins(self) -> bool:
        return self.rule.startswith("/api/v1/admin/")

    def path(self, target: str = "") -> str:
        """The path as `Api.call` takes it, with the id put in."""
        before, _, rest = self.rule.partition("<")
        _, _, after = rest.partition(">")
        filled = before + target + after if rest else before
        return filled.removeprefix("/api/v1") if filled.startswith("/api/v1/") else f"/{filled}"


def operations_of(app: Flask) -> list[Operation]:
    """Each rule with each of its methods, but for those that every route has by itself."""
    return sorted(
        Operation(rule.rule, method, is_public(app, rule.endpoint))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )


def bare_app() -> Flask:
    """An application that is only looked at: its keys are given, so that no file is made."""
    return create_app(
        load_settings(
            TASKAPI_HOME=Path("nowhere"),
            TASKAPI_SIGNING_KEY=new_signing_key(),
            TASKAPI_SECRET_KEY=new_secret_key(),
        )
    )


OPERATIONS = operations_of(bare_app())
# Their bodies are files.
UPLOADS = frozenset({"POST /api/v1/imports"})
PRIVATE = [one for one in OPERATIONS if not one.public]
