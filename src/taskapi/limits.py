"""How often something may be tried: exact moving windows, counted in this process, and over all instances
where there are several (shared_limits.py).

A window of `seconds` holds the moments of the last `quota` tries; a try is admitted when fewer than `quota`
lie within the window. Unlike fixed windows, no two tries on either side of a boundary admit twice the quota.
"""

import logging
import re
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple, Protocol

from taskapi.errors import TooMany

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RULE = re.compile(r"(\w+)=(\d+)/([1-9]\d*|)(second|minute|hour|day)s?")

DRY_RUN = "dry-run"

_log = logging.getLogger("taskapi.limits")

# Over all instances those are leased a few at a time: they are counted on a way without round trips.
LEASED = frozenset({"read"})

# An attacker's keys must not fill the memory: beyond this the least recently tried key is forgotten.
_MOST_KEYS = 100_000


@dataclass(frozen=True)
class Policy:
    """`quota` tries in any `seconds`."""

    name: str
    quota: int
    seconds: int

    @property
    def header(self) -> str:
        """Its form in RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers)."""
        return f'"{self.name}";q={self.quota};w={self.seconds}'


DEFAULTS = {
    policy.name: policy
    for policy in (
        Policy("create", 100, 3600),  # Tasks one user tries to make; each of a bulk counts.
        Policy("login", 100, 3600),  # Log-ins of one account from one kind of device, failed or not.
        Policy("login_account", 10, 300),  # Failed log-ins of one account from one kind of device.
        Policy("login_address", 50, 300),  # Failed log-ins from one client address.
        Policy("register", 100, 3600),  # From one client address.
        Policy("forgot", 5, 3600),  # Mails to one address: reset and verification.
        Policy("forgot_address", 100, 3600),  # Asked for from one client address.
        Policy("token_address", 100, 300),  # Personal tokens that do not hold, from one client address.
        Policy("refresh", 120, 60),  # From one client address, whatever the token.
        Policy("export", 20, 3600),  # Files one user asks for.
        Policy("import", 50, 3600),  # Files one user sends; a dry run is one.
        Policy("password", 10, 300),  # Wrong current passwords of one user.
    )
}


# In force only where a setting says how many.
WITHOUT_DEFAULT = frozenset({"read"})  # Answers read by one user; a 304 is none.


def policies_from(text: str) -> dict[str, Policy]:
    """The policies in force: none for `off`, else the defaults with changes like `forgot=5/10minute`.

    Raises ValueError that names the part that cannot be read.
    """
    if text.strip() == "off":
        return {}
    policies = dict(DEFAULTS)
    for part in _parts(text):
        if part == DRY_RUN:
            continue
        match = _RULE.fullmatch(part)
        if match is None or match[1] not in WITHOUT_DEFAULT.union(DEFAULTS):
            known = ", ".join([*DEFAULTS, *WITHOUT_DEFAULT])
            raise ValueError(
                f"cannot read {part!r}; use `off`, `{DRY_RUN}` or NAME=COUNT/[N]UNIT with NAME of {known}"
            )
        policies[match[1]] = Policy(match[1], int(match[2]), int(match[3] or 1) * _UNITS[match[4]])
    return policies


def is_dry_run(text: str) -> bool:
    """Whether the limits are counted and told, but nobody is refused: to see what they would do."""
    return DRY_RUN in _parts(text)


def _parts(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


@dataclass(frozen=True)
class Verdict:
    """What became of tries: whether they were admitted, how many are left, seconds until one comes back, and
    until as many as were refused do.
    """

    policy: Policy
    admitted: bool
    remaining: int
    reset: int
    wait: int = 0

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": self.policy.header,
            "RateLimit": f'"{self.policy.name}";r={self.remaining};t={self.reset}',
        }


class _Try(NamedTuple):
    """A try that was admitted, when, and whether it was counted over all instances too."""

    moment: float
    is_shared: bool


_Window = deque[_Try]


class Shared(Protocol):
    """Where the tries of all instances are counted."""

    def count(self, policy: Policy, key: str, tries: int) -> Verdict | None:
        """Count some tries, all or none; None where that cannot be asked."""

    def give_back(self, policy: Policy, key: str) -> None: ...


class Limiter:
    """Counts tries under (policy, key); safe from any thread.

    With other instances a try has to be admitted there and here: so a count that is lost there, or cannot be
    asked, leaves each process its own.
    """

    def __init__(
        self,
        policies: dict[str, Policy],
        clock: Callable[[], float] = time.monotonic,
        dry_run: bool = False,
        shared: Shared | None = None,
    ) -> None:
        self._shared = shared
        self._policies = policies
        self._dry_run = dry_run
        self._clock = clock
        self._lock = threading.Lock()
        # Each policy has room of its own, so that tries of one kind cannot make those of another forgotten.
        self._windows: dict[str, OrderedDict[str, _Window]] = {name: OrderedDict() for name in policies}
        # How many tries were refused, by policy.
        self.refused = dict.fromkeys(policies, 0)

    def policy(self, name: str) -> Policy | None:
        """The policy of that name, or None where limits are off."""
        return self._policies.get(name)

    def take(self, name: str, key: str, tries: int = 1, *, is_told: bool = True) -> Verdict | None:
        """Count some tries, all or none; None where limits are off.

        `is_told`: whether who is refused is told so; else somebody takes again who does.
        """
        verdict = self._count(name, key, tries)
        if verdict is None or verdict.admitted:
            return verdict
        self.refused[name] += is_told
        if not self._dry_run:
            return verdict
        _log.warning("limit %s would have refused a request (dry run)", name)
        return replace(verdict, admitted=True)

    def spend(self, name: str, key: str, tries: int = 1) -> dict[str, str]:
        """Count some tries; the headers that tell how things stand. Raises TooMany, counting none."""
        verdict = self.take(name, key, tries)
        if verdict is None:
            return {}
        if not verdict.admitted:
            raise TooMany(verdict.wait, verdict.headers)
        return verdict.headers

    def peek(self, name: str, key: str) -> Verdict | None:
        """How things stand, counting nothing; None where limits are off."""
        return self._count(name, key, 0)

    def give_back(self, name: str, key: str) -> None:
        """Undo the newest try: it turned out not to be of the kind that is limited."""
        policy = self._policies.get(name)
        if policy is None:
            return
        with self._lock:
            window = self._window(name, key)
            newest = window.pop() if window else None
        is_leased = self._shared is not None and name in LEASED
        if self._shared is not None and (newest.is_shared if newest else is_leased):
            self._shared.give_back(policy, key)

    def _count(self, name: str, key: str, tries: int) -> Verdict | None:
        policy = self._policies.get(name)
        if policy is None:
            return None
        if self._shared is None:
            return self._count_here(policy, key, tries)
        if name in LEASED:
            # The lease is the count, and the way here is hot.
            return self._shared.count(policy, key, tries) or self._count_here(policy, key, tries)
        here = self._count_here(policy, key, tries, is_shared=True)
        if not here.admitted:
            return here
        everywhere = self._shared.count(policy, key, tries)
        if everywhere is None or not everywhere.admitted:
            self._correct(policy, key, tries, is_counted=everywhere is None)
        return everywhere or here

    def _correct(self, policy: Policy, key: str, tries: int, is_counted: bool) -> None:
        """The newest tries were counted as shared: they are this process's own, or none."""
        with self._lock:
            window = self._window(policy.name, key)
            taken = [window.pop() for _ in range(min(tries, len(window)))]
            if is_counted:
                window.extend(_Try(one.moment, is_shared=False) for one in reversed(taken))

    def _count_here(self, policy: Policy, key: str, tries: int, is_shared: bool = False) -> Verdict:
        with self._lock:
            now = self._clock()
            window = self._window(policy.name, key)
            while window and window[0].moment <= now - policy.seconds:
                window.popleft()
            admitted = len(window) + tries <= policy.quota
            if admitted:
                window.extend([_Try(now, is_shared)] * tries)
            reset = _seconds_until_free(window, 1, policy, now) if window else 0
            wait = (
                0
                if admitted
                else _seconds_until_free(window, len(window) + tries - policy.quota, policy, now)
            )
            return Verdict(policy, admitted, policy.quota - len(window), reset, wait)

    def _window(self, name: str, key: str) -> _Window:
        windows = self._windows[name]
        window = windows.setdefault(key, deque())
        windows.move_to_end(key)
        if len(windows) > _MOST_KEYS:
            windows.popitem(last=False)
        return window


def _seconds_until_free(window: _Window, count: int, policy: Policy, now: float) -> int:
    """Until the oldest so many tries are out of the window; for more than there are, its whole length."""
    if count > len(window):
        return policy.seconds
    # Not more than the window is long, which the last digit of the sum may be.
    return min(max(ceil(window[count - 1].moment + policy.seconds - now), 0), policy.seconds)
