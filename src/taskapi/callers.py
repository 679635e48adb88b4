"""Tokens that were verified, remembered: a signature is checked once, not at each request, and a personal
token looked up once in a while.

An access token is remembered until it expires; whether it was revoked since is asked of the epochs each time.
Keys are read once at the start, so that a withdrawn one leaves no token behind in any process.
"""

import hashlib
import threading

from taskapi.clock import now
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
        self._uses: dict[tuple[str, str], int] = {}

    def verified(self, token: str) -> Caller | None:
        """The caller of a token of ours that has not expired, else None; not yet held against the epochs.

        Of personal tokens only those are known that are remembered.
        """
        digest = digest_of(token)
        caller = self._seen.get(digest)
        if caller is None:
            access = self._tokens.verify(token)
            if access is None:
                return None
            caller = self.remember(token, access)
        if caller.access.until <= now():
            self._seen.pop(digest, None)
            return None
        return caller

    def note_use(self, access: Access) -> None:
        """A personal token was used now; when it was is written down later, a batch at a time."""
        with self._lock:
            self._uses[access.user_id, access.session_id] = now()

    def take_uses(self) -> dict[tuple[str, str], int]:
        """The uses noted since the last call: when each token, by its user and id, was last used."""
        with self._lock:
            taken, self._uses = self._uses, {}
        return taken

    def remember(self, token: str, access: Access) -> Caller:
        """The caller of a token that was found to be good."""
        digest, caller = digest_of(token), Caller(access)
        with self._lock:
            if len(self._seen) >= _MOST:
                for old in list(self._seen)[: _MOST // 2]:
                    self._seen.pop(old, None)  # Another thread may have found that it expired.
            self._seen[digest] = caller
        return caller
