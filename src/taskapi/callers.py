"""Access tokens that were verified, remembered: a signature is checked once, not at each request.

A token is remembered until it expires; whether it was revoked since is asked of the epochs each time. Keys
are read once at the start, so that a withdrawn one leaves no token behind in any process.
"""

import hashlib
import threading

from taskapi import clock
from taskapi.epochs import scope_key, session_key, user_key
from taskapi.tokens import Access, AccessTokens

# About 1 KiB each; beyond this the older half is forgotten and verified anew.
_MOST = 20_000


def digest_of(token: str) -> bytes:
    """What a token is remembered by: the token itself is kept nowhere."""
    return hashlib.blake2b(token.encode("latin-1", "replace"), digest_size=16).digest()


class Caller:
    """Who a verified token stands for, and what decides whether it still does."""

    __slots__ = ("access", "scope_key", "session_key", "standing", "user_key")

    def __init__(self, access: Access) -> None:
        self.access = access
        self.user_key = user_key(access.user_id)
        self.session_key = session_key(access.session_id)
        self.scope_key = scope_key(access.user_id)
        # The user's epoch under which the token was last found to hold.
        self.standing = access.user_epoch


class Callers:
    """The callers this process has seen; safe from any thread."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()
        self._seen: dict[bytes, Caller] = {}

    def verified(self, token: str) -> Caller | None:
        """The caller of a token of ours that has not expired, else None; not yet held against the epochs."""
        digest = digest_of(token)
        caller = self._seen.get(digest)
        if caller is None:
            access = self._tokens.verify(token)
            if access is None:
                return None
            caller = Caller(access)
            self._remember(digest, caller)
        if caller.access.expires * clock.SECOND <= clock.now():
            self._seen.pop(digest, None)
            return None
        return caller

    def _remember(self, digest: bytes, caller: Caller) -> None:
        with self._lock:
            if len(self._seen) >= _MOST:
                for old in list(self._seen)[: _MOST // 2]:
                    self._seen.pop(old, None)  # Another thread may have found that it expired.
            self._seen[digest] = caller
