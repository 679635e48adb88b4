"""Limits counted over all instances, in Redis: exact moving windows, and leases for the hot path (ADR 15).

A window is a sorted set of the moments of its tries, by the clock of Redis. Of reads, which are answered from
memory, an instance leases a few at a time; they stay counted for as long as the last of them can lie within
a window, so that leasing never admits more than the quota.
"""

import hmac
import threading
import time
from dataclasses import dataclass
from math import ceil
from typing import Any

from redis.commands.core import Script
from uuid_utils import uuid4

from taskapi.limits import LEASED, Policy, Verdict
from taskapi.redis_calls import RedisCalls, Unreachable

# Of the quota: so much may lie unused with all instances together.
_UNUSED_SHARE = 0.01
# Of the window, and in seconds at most: how long a lease may be used, and so how much later it comes back.
_LIFE_SHARE = 0.01
_MOST_LIFE_SECONDS = 1.0
# After a refusal Redis is not asked again for so long.
_REFUSED_SECONDS = 0.1
_MOST_LEASES = 20_000
# So many may ask for leases at a time, of different keys.
_ASKING = 64
_MICROSECONDS = 1_000_000

# Microseconds are whole numbers that a double holds exactly; as text they must not become 1.7e+15.
_TRY = """
local window, quota, tries = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local used = redis.call('ZCARD', KEYS[1])
local admitted = used + tries <= quota
if admitted and tries > 0 then
    for number = 1, tries do
        redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[4] .. ':' .. number)
    end
    redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
    used = used + tries
end
local function until_free(count)
    local found = redis.call('ZRANGE', KEYS[1], count - 1, count - 1, 'WITHSCORES')
    return found[2] and found[2] + window - now or window
end
return {admitted and 1 or 0, used, used > 0 and until_free(1) or 0,
        admitted and 0 or until_free(used + tries - quota)}
"""

# A member is `moment:instance:units`, its score the moment until which it counts.
_LEASE = """
local window, quota, tries, life = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local instance, last, unused, share = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
local until_ = unused > 0 and redis.call('ZSCORE', KEYS[1], last)
if until_ then
    redis.call('ZREM', KEYS[1], last)
    local name, units = string.match(last, '^(.*):(%d+)$')
    if units - unused > 0 then
        redis.call('ZADD', KEYS[1], until_, name .. ':' .. string.format('%.0f', units - unused))
    end
end
local used, instances, seen = 0, 1, {[instance] = true}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local holder, units = string.match(member, '^%d+:(.*):(%d+)$')
    used = used + units
    if not seen[holder] then
        seen[holder], instances = true, instances + 1
    end
end
local granted = 0
if tries > 0 and used + tries <= quota then
    granted = math.min(math.max(tries, math.floor(quota * share / instances)), quota - used)
    local member = string.format('%.0f', now) .. ':' .. instance .. ':' .. string.format('%.0f', granted)
    redis.call('ZADD', KEYS[1], string.format('%.0f', now + window + life), member)
    redis.call('PEXPIRE', KEYS[1], math.ceil((window + life) / 1000))
    last, used = member, used + granted
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {granted, used, first[2] and first[2] - now or 0, last}
"""


@dataclass(slots=True)
class _Lease:
    """Some of a quota that this instance may use until a moment of its own clock."""

    member: str
    unused: int
    until: float
    # Of the quota, not used by anybody and not leased, when it was given.
    left: int
    reset: int

    @property
    def is_refusal(self) -> bool:
        """Whether nothing was given: then nobody asks again for a moment."""
        return not self.member


class SharedLimits:
    """Tries counted in one Redis for all instances; safe from any thread."""

    def __init__(self, calls: RedisCalls, name: str, secret: bytes) -> None:
        """`name` begins the keys of this service; `secret` hides in them whom they count."""
        self._calls = calls
        self._try, self._lease = calls.script(_TRY), calls.script(_LEASE)
        self._name = name
        self._secret = secret
        self._me = str(uuid4())
        self._lock = threading.Lock()
        self._leases: dict[tuple[str, str], _Lease] = {}
        self._asking = [threading.Lock() for _ in range(_ASKING)]

    def count(self, policy: Policy, key: str, tries: int) -> Verdict | None:
        """Count some tries, all or none; None where Redis cannot be asked."""
        try:
            how = self._from_lease if policy.name in LEASED else self._in_window
            return how(policy, key, tries)
        except Unreachable:
            return None

    def _in_window(self, policy: Policy, key: str, tries: int) -> Verdict:
        window = policy.seconds * _MICROSECONDS
        given = (window, policy.quota, tries, str(uuid4()) if tries else "")
        admitted, used, reset, wait = self._run(self._try, policy, key, given)
        return Verdict(
            policy,
            bool(admitted),
            max(policy.quota - used, 0),
            _seconds(reset, policy),
            _seconds(wait, policy),
        )

    def give_back(self, policy: Policy, key: str) -> None:
        """Undo the newest try, which counts for one as well as another. What Redis misses expires."""
        if policy.name in LEASED:
            with self._lock:
                lease = self._leases.get((policy.name, key))
                if lease is not None:
                    lease.unused += 1
            return
        try:
            self._calls.call(lambda redis: redis.zpopmax(self._key(policy, key)))
        except Unreachable:
            return

    def _from_lease(self, policy: Policy, key: str, tries: int) -> Verdict:
        place = (policy.name, key)
        verdict = self._at_hand(policy, place, tries)
        if verdict is None:
            # One asks, and the others for the same key take of what it is given.
            with self._asking[hash(place) % len(self._asking)]:
                verdict = self._at_hand(policy, place, tries) or self._asked(policy, place, tries)
        return verdict

    def _at_hand(self, policy: Policy, place: tuple[str, str], tries: int) -> Verdict | None:
        """The verdict where it can be told without Redis."""
        with self._lock:
            lease = self._leases.get(place)
            if lease is None or lease.until <= time.monotonic():
                return None
            return _verdict(policy, lease, tries) if lease.unused >= tries or lease.is_refusal else None

    def _asked(self, policy: Policy, place: tuple[str, str], tries: int) -> Verdict:
        with self._lock:
            old = self._leases.pop(place, None)
        lease = self._leased(policy, place[1], tries, ("", 0) if old is None else (old.member, old.unused))
        with self._lock:
            if len(self._leases) >= _MOST_LEASES:
                self._leases.clear()
            if tries:
                self._leases[place] = lease
            return _verdict(policy, lease, tries)

    def _leased(self, policy: Policy, key: str, tries: int, last: tuple[str, int]) -> _Lease:
        life = min(policy.seconds * _LIFE_SHARE, _MOST_LIFE_SECONDS)
        window = policy.seconds * _MICROSECONDS
        began = time.monotonic()
        given = (window, policy.quota, tries, int(life * _MICROSECONDS), self._me, *last, _UNUSED_SHARE)
        granted, used, reset, member = self._run(self._lease, policy, key, given)
        until = began + (life if granted else _REFUSED_SECONDS)
        return _Lease(
            member.decode() if granted else "", granted, until, policy.quota - used, _seconds(reset, policy)
        )

    def _run(self, script: Script, policy: Policy, key: str, given: tuple[Any, ...]) -> Any:
        keys = [self._key(policy, key)]
        return self._calls.call(lambda redis: script(keys=keys, args=given, client=redis))

    def _key(self, policy: Policy, key: str) -> str:
        digest = hmac.digest(self._secret, key.encode("utf-8", "replace"), "sha256").hex()[:32]
        return f"{self._name}:{policy.name}:{digest}"


def _verdict(policy: Policy, lease: _Lease, tries: int) -> Verdict:
    admitted = lease.unused >= tries
    if admitted:
        lease.unused -= tries
    wait = 0 if admitted else max(lease.reset, 1)
    return Verdict(policy, admitted, lease.left + lease.unused, lease.reset, wait)


def _seconds(microseconds: int, policy: Policy) -> int:
    return min(max(ceil(microseconds / _MICROSECONDS), 0), policy.seconds)
