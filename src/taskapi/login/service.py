"""Logging in: equal answers and equal work for known and unknown, and a budget of failures for each.

A try is counted before the password is looked at, and given back where it was no failure: so no race of
tries admits one more than the quota.
"""

from hashlib import sha256
from typing import Any

from taskapi.accounts.service import apply, by_id
from taskapi.actors import Client
from taskapi.audit.service import remember
from taskapi.clock import now
from taskapi.db import Session
from taskapi.errors import Busy, TooMany, Unauthorized
from taskapi.ids import new_id
from taskapi.jobs import enqueue
from taskapi.login import queries
from taskapi.login.schemas import Credentials
from taskapi.parts import Parts
from taskapi.sessions.service import open_session
from taskapi.text import email_key
from taskapi.tokens import Grant

_NOBODY = "00000000-0000-0000-0000-000000000000"


class WrongCredentials(Unauthorized):
    """Unknown address, wrong password, unverified or disabled: all the same, on purpose."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__("The address or the password is not right.", code="wrong_credentials")
        self.headers |= headers


def login(parts: Parts, reading: Session, session: Session, client: Client, wanted: Credentials) -> Grant:
    """A new session for whoever knows the password.

    `reading` serves until the password is verified, so that no transaction is open while it is hashed.
    Raises WrongCredentials, TooMany after too many failures, Busy when too many log in at once.
    """
    key = email_key(wanted.email)
    candidate = reading.row(queries.CANDIDATE, email_key=key)
    device = _device_of(parts, client)
    known = _is_known(reading, candidate, device, client)
    taken = _names_of_try(key, known, device, client)
    headers = _take(parts, taken)
    try:
        right = parts.hashing.verify(wanted.password, candidate.password_hash if candidate else None)
    except Busy:
        # Nobody looked at the password: that is no failure.
        _give_back(parts, taken)
        raise
    if candidate is None or not right or not _may_enter(parts, candidate):
        raise WrongCredentials(headers)
    # It was no failure; what stays counted is that somebody logged in.
    _give_back(parts, [one for one in taken if one[0] != "login"])
    headers = _standing_of(parts, taken)
    # Hashed anew, where it has to be, before the transaction begins.
    old = parts.hashing.needs_rehash(candidate.password_hash)
    fresh = parts.hashing.hash(wanted.password) if old else None
    standing = session.row(queries.CANDIDATE_LOCKED, email_key=key)
    if (
        standing is None
        or standing.password_hash != candidate.password_hash
        or not _may_enter(parts, standing)
    ):
        raise WrongCredentials(headers)
    if fresh:
        session.run(queries.REHASH, {"user_id": standing.id, "fresh_hash": fresh})
    epoch = _cancel_deletion(session, standing, client)
    kind = "ui" if wanted.use_cookie else "api"
    grant = open_session(parts, session, client, standing.id, epoch, kind, device or new_id())
    if not known:
        told = {"session_id": grant.session_id}
        enqueue(session, "mail.new_device", told, client.request_id, standing.id)
    return grant.with_headers(headers)


def _is_known(reading: Session, candidate: Any, device: str | None, client: Client) -> bool:
    """Whether the account had a session from this browser, by our cookie, or from this address."""
    known = reading.row(
        queries.KNOWN_DEVICE,
        user_id=candidate.id if candidate else _NOBODY,
        device_id=device or _NOBODY,
        address=client.address,
    )
    return known is not None


def _names_of_try(key: str, known: bool, device: str | None, client: Client) -> list[tuple[str, str]]:
    """The budgets a try is counted in.

    Strangers share one budget of an account; a device known to it has its own, so that they cannot lock the
    owner out.
    """
    kind = (device or client.address) if known else "strangers"
    account = f"{sha256(key.encode()).hexdigest()}:{kind}"
    return [("login_address", client.network), ("login", account), ("login_account", account)]


def budgets(parts: Parts, reading: Session, user_id: str, client: Client) -> list[tuple[str, str]]:
    """The budgets that a user's next log-in from here would be counted in, by policy and name."""
    user = by_id(reading, user_id)
    device = _device_of(parts, client)
    return _names_of_try(user.email_key, _is_known(reading, user, device, client), device, client)


def _take(parts: Parts, names: list[tuple[str, str]]) -> dict[str, str]:
    """Count the try in every budget, or in none. Raises TooMany."""
    headers: dict[str, str] = {}
    for i, (policy, name) in enumerate(names):
        try:
            headers = parts.limiter.spend(policy, name)
        except TooMany:
            _give_back(parts, names[:i])
            raise
    return headers


def _give_back(parts: Parts, names: list[tuple[str, str]]) -> None:
    for policy, name in names:
        parts.limiter.give_back(policy, name)


def _standing_of(parts: Parts, names: list[tuple[str, str]]) -> dict[str, str]:
    """The headers that tell how the account's own budget stands."""
    verdict = parts.limiter.peek(*names[-1])
    return verdict.headers if verdict else {}


def _may_enter(parts: Parts, candidate: Any) -> bool:
    verified = candidate.email_verified_at is not None or not parts.settings.verify_email
    gone = candidate.delete_after is not None and candidate.delete_after <= now()
    return verified and candidate.disabled_at is None and not gone


def _device_of(parts: Parts, client: Client) -> str | None:
    """The id in the device cookie, if it is one of ours."""
    try:
        return str(parts.devices.open(client.device)) if client.device else None
    except ValueError:
        return None


def _cancel_deletion(session: Session, standing: Any, client: Client) -> int:
    """Logging in keeps an account that was about to go; the user's epoch."""
    if standing.delete_after is None:
        return int(standing.epoch)
    remember(
        session,
        "user.deletion_cancelled",
        actor_id=standing.id,
        target=("user", standing.id),
        via="api",
        request_id=client.request_id,
    )
    return apply(session, standing.id, {"delete_after": None})
