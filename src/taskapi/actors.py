"""Who acts: what a service function is told of its caller."""

from dataclasses import dataclass
from ipaddress import IPv6Network, ip_address
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from, known before anybody is."""

    address: str
    user_agent: str
    request_id: str
    device: str | None = None

    @property
    def network(self) -> str:
        """What limits by address count: of IPv6 the /64, which is what one customer has."""
        try:
            address = ip_address(self.address)
        except ValueError:
            return self.address
        return str(IPv6Network((address, 64), strict=False)) if address.version == 6 else self.address


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated caller; `via` is how they came in: ui, api, cli or job."""

    user_id: str
    session_id: str
    via: str
    request_id: str
    # What the token allows, as `scopes.py` asks for it.
    scopes: frozenset[str] = frozenset()

    @property
    def scope_id(self) -> str:
        """The scope their own tasks are in: today each user has exactly one, named like them."""
        return self.user_id


class Author(Protocol):
    """Who did something, as it is remembered: an actor, or whoever runs the service."""

    @property
    def user_id(self) -> str | None: ...

    @property
    def via(self) -> str: ...

    @property
    def request_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever runs the service, at its command line: they may do what an admin may, and have no account."""

    request_id: str
    user_id: None = None
    via: str = "cli"


@dataclass(frozen=True, slots=True)
class Standing:
    """What an actor's token was found to hold under: the epochs of their user and session, and its end in
    milliseconds since 1970.
    """

    epochs: dict[str, int]
    until: int
    # The epochs that were asked for, these and that of the scope.
    known: dict[str, int]
