"""What a view answers with: its own status, headers and body, before what every answer carries is added."""

from dataclasses import dataclass, field

from flask import Response

from taskapi.answers import Headers, header_of

JSON = ("Content-Type", "application/json")


@dataclass(slots=True)
class Reply:
    """An answer as plain values: to make werkzeug's objects of it takes longer than most views do."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return header_of(self.headers, name)

    def response(self) -> Response:
        """The same as Flask has it."""
        answer = Response(self.body, self.status, self.headers)
        if self.header("Content-Type") is None:
            del answer.headers["Content-Type"]
        return answer


# What a view may return: files and cookies need what Flask has for them.
Answered = Reply | Response


def response_of(answer: Answered) -> Response:
    return answer.response() if isinstance(answer, Reply) else answer
