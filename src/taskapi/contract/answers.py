"""What an operation may answer: each status, why it can come, and with which headers."""

from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel

from taskapi.contract.examples import example_of
from taskapi.contract.operations import Operation
from taskapi.contract.schemas import Schemas
from taskapi.contract.words import CODES, STATUSES, TITLES
from taskapi.problems import Problem

Answer = dict[str, Any]


class Answers:
    """The answers of all operations; refusals that are alike are described once, in `shared`."""

    def __init__(self, schemas: Schemas, tagged: Collection[type[BaseModel]]) -> None:
        self._schemas = schemas
        # The models whose answers have an ETag.
        self._tagged = tagged
        self.shared: dict[str, Answer] = {}

    def of(self, operation: Operation) -> dict[str, Answer]:
        """The `responses` of an operation, by status."""
        found = {status: self._refusal(operation, status) for status in _refusals(operation)}
        found |= {status: self._success(operation, status) for status in operation.answers}
        if operation.is_kept:
            found[304] = {"description": STATUSES[304], "headers": self._headers(operation, 304)}
        return {str(status): found[status] for status in sorted(found)}

    def _success(self, operation: Operation, status: int) -> Answer:
        answer: Answer = {"description": STATUSES[status], "headers": self._headers(operation, status)}
        model = operation.answers[status]
        if model is not None:
            schema = self._schemas.answer(model)
            example = example_of(schema, self._schemas.known)
            answer["content"] = {"application/json": {"schema": schema, "example": example}}
        return answer

    def _refusal(self, operation: Operation, status: int) -> Answer:
        words = ", ".join(f"`{code}` ({meaning})" for code, meaning in CODES[status].items())
        answer = {
            "description": f"{STATUSES[status]} Codes: {words}.",
            "headers": self._headers(operation, status),
            "content": {"application/problem+json": self._problem(status)},
        }
        name = TITLES[status].title().replace(" ", "") + ("Read" if operation.is_read else "")
        if not operation.is_of_api or operation.room == "auth":
            name += operation.room.capitalize()
        if operation.deprecation is not None or self.shared.setdefault(name, answer) != answer:
            return answer
        return {"$ref": f"#/components/responses/{name}"}

    def _problem(self, status: int) -> Answer:
        schema = self._schemas.answer(Problem)
        code = next(iter(CODES[status]))
        example = example_of(schema, self._schemas.known) | {
            "type": f"urn:taskapi:problem:{code}",
            "title": TITLES[status],
            "status": status,
            "detail": STATUSES[status].replace("`", ""),
            "code": code,
        }
        if status not in {400, 422}:
            del example["errors"]
        return {"schema": schema, "example": example}

    def _headers(self, operation: Operation, status: int) -> dict[str, Any]:
        return {
            name: {"$ref": f"#/components/headers/{name}"} for name in self._named(operation, status)
        } | _only_sometimes(status)

    def _named(self, operation: Operation, status: int) -> Iterator[str]:
        """The headers of an answer: those that are always there, and those that may be."""
        yield from ("X-Request-ID", "Cache-Control")
        if operation.is_of_api and operation.room != "auth":
            yield "Vary"
        if operation.is_of_api and operation.is_read:
            yield from ("X-Cache", "X-Consistency")
        if operation.is_of_api and not operation.is_public:
            yield "Server-Timing"
        if operation.deprecation is not None:
            yield from ("Deprecation", "Sunset", "Link")
        if operation.is_of_api:
            yield from ("RateLimit-Policy", "RateLimit")
        yield from {401: ["WWW-Authenticate"], 412: ["ETag"], 429: ["Retry-After"]}.get(status, [])
        if status == 503 and status not in operation.answers:
            yield "Retry-After"
        if status < 400:
            yield from self._of_success(operation, status)

    def _of_success(self, operation: Operation, status: int) -> Iterator[str]:
        if operation.is_kept or operation.answers.get(status) in self._tagged:
            yield "ETag"
        if status in {201, 202} and operation.is_located:
            yield "Location"
        if not operation.is_public:
            yield "Consistency-Token"
        if operation.is_keyed:
            yield "Idempotency-Replayed"
        if operation.sets_cookies:
            yield "Set-Cookie"


def _refusals(operation: Operation) -> Iterator[int]:
    """The statuses that an operation may be refused with, by what it is and what it is marked with."""
    yield from (400, 500)
    if not operation.is_public:
        yield from (401, 406)
        if operation.scope is not None:
            yield 403
    if operation.endpoint.path is not None or operation.room == "admin":
        yield 404
    if operation.is_keyed:
        yield 409
    if operation.takes_match:
        yield 412
    if not operation.is_read:
        yield from (413, 415, 422)
    if operation.is_limited:
        yield 429
    if not operation.is_public or not operation.is_read:
        yield 503
    yield from (kind.status for kind in operation.refusals)


def _only_sometimes(status: int) -> dict[str, Any]:
    """What is told with a refusal where it helps."""
    told = {
        403: ("WWW-Authenticate", "The scope that the token would have to have.", "string"),
        # A conflict with a request that is still being carried out ends by itself.
        409: ("Retry-After", "Seconds to wait.", "integer"),
    }
    if status not in told:
        return {}
    name, description, kind = told[status]
    return {name: {"description": description, "schema": {"type": kind}}}
