"""The operations of the application, and what follows for each from its view, its marks and its route."""

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from flask import Flask
from pydantic import BaseModel
from werkzeug.routing import Rule

from taskapi.errors import AppError, TooMany
from taskapi.http import Endpoint
from taskapi.marks import Deprecation, deprecation, is_public, is_upload, refusals
from taskapi.responses import rule_for
from taskapi.scopes import scope_of

_API = "/api/v1/"


@dataclass(frozen=True)
class Operation:
    """A method of a path, as its view says it."""

    method: str
    path: str
    endpoint: Endpoint
    is_public: bool
    # What a token has to be allowed, None where any will do.
    scope: str | None
    # Whether what it makes has an operation that shows it.
    is_located: bool

    @property
    def id(self) -> str:
        """Its name in the document: `list_tasks` is listTasks."""
        first, *others = self.endpoint.view.__name__.split("_")
        return first + "".join(word.capitalize() for word in others)

    @property
    def room(self) -> str:
        """The first part of its path below the API's, `service` for what is beside it."""
        return self.path.removeprefix(_API).split("/")[0] if self.is_of_api else "service"

    @property
    def said(self) -> tuple[str, str]:
        """Summary and description: the first paragraph of the docstring and the rest."""
        summary, _, rest = inspect.cleandoc(self.endpoint.view.__doc__ or "").partition("\n\n")
        return " ".join(summary.split()).rstrip("."), rest

    @property
    def is_of_api(self) -> bool:
        return self.path.startswith(_API)

    @property
    def is_read(self) -> bool:
        return self.method == "get"

    @property
    def body(self) -> type[BaseModel] | None:
        return self.endpoint.body

    @property
    def parameters(self) -> Iterable[tuple[str, type[BaseModel]]]:
        """Where parameters are, and the model of those that are there."""
        both = (("path", self.endpoint.path), ("query", self.endpoint.query))
        return [(place, model) for place, model in both if model is not None]

    @property
    def answers(self) -> Mapping[int, type[BaseModel] | None]:
        """The model of each answer that is no refusal; None for one without a body."""
        return {int(status): model for status, model in self.endpoint.answers.items()}

    @property
    def refusals(self) -> tuple[type[AppError], ...]:
        return refusals(self.endpoint.view)

    @property
    def deprecation(self) -> Deprecation | None:
        return deprecation(self.endpoint.view)

    @property
    def is_kept(self) -> bool:
        """Whether its answer is kept under epochs, and so has an ETag that If-None-Match may name."""
        return self.is_read and rule_for(self.path) is not None

    @property
    def is_keyed(self) -> bool:
        """Whether an Idempotency-Key is minded."""
        return not self.is_read and not self.is_public and self.room != "auth"

    @property
    def is_limited(self) -> bool:
        """Whether a limit may refuse it: the others by too many tokens that do not hold, or by their own."""
        return not self.is_public or TooMany in self.refusals

    @property
    def takes_match(self) -> bool:
        """Whether it minds If-Match, which its view then asks for."""
        return "if_match" in self._names

    @property
    def is_upload(self) -> bool:
        """Whether its body is a file."""
        return is_upload(self.endpoint.view)

    @property
    def sets_cookies(self) -> bool:
        return bool(self._names & {"granted", "forget"})

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.endpoint.view.__code__.co_names)


def operations_of(app: Flask) -> list[Operation]:
    """Those that say what they answer, in the order of their paths; the others are pages, not operations."""
    shown = {_path(rule) for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    found = []
    for rule in app.url_map.iter_rules():
        endpoint = getattr(app.view_functions[rule.endpoint], "endpoint", None)
        if isinstance(endpoint, Endpoint) and endpoint.answers:
            path = _path(rule)
            found += [
                Operation(
                    method.lower(),
                    path,
                    endpoint,
                    is_public=is_public(app, rule.endpoint),
                    scope=scope_of(app, rule.endpoint, method),
                    is_located=any(other.startswith(f"{path}/{{") for other in shown),
                )
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
            ]
    return found


def _path(rule: Rule) -> str:
    """A route as the document writes paths: `<task_id>` is {task_id}."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
