"""Who acts: what a service function is told of its caller."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from, known before anybody is."""

    address: str
    user_agent: str
    request_id: str
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated caller; `via` is how they came in: ui, api, cli or job."""

    user_id: str
    session_id: str
    via: str
    request_id: str

    @property
    def scope_id(self) -> str:
        """The scope their own tasks are in: today each user has exactly one, named like them."""
        return self.user_id


@dataclass(frozen=True, slots=True)
class Standing:
    """What an actor's token was found to hold under: the epochs of their user and session, and its end in
    milliseconds since 1970.
    """

    epochs: dict[str, int]
    until: int
