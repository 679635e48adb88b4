"""The Consistency-Token: what a client has seen, carried by itself, so that it is never answered from older.

It holds the epochs of an answer, sealed for its user. It says only what is too old: a value in it is
compared, never learnt, so that no token, however made, can put a number into anybody's map.
"""

from collections.abc import Mapping

from taskapi.tokens import Seal

HEADER = "Consistency-Token"
# Epochs a client can have seen: of scopes, users and collections. Ended sessions are nobody's to read.
_SEEN = ("s:", "u:", "users")


def token_of(seal: Seal, user_id: str, epochs: Mapping[str, int]) -> str | None:
    """The token for an answer made under these epochs; None where it shows none."""
    seen = {key: value for key, value in epochs.items() if key.startswith(_SEEN)}
    return seal.close(seen, user_id) if seen else None


def seen_by(seal: Seal, user_id: str, token: str | None) -> dict[str, int]:
    """The epochs a request's token says its user has seen; none where it is bad, or somebody else's."""
    if not token:
        return {}
    try:
        seen = seal.open(token, user_id)
    except ValueError:
        return {}
    return seen if isinstance(seen, dict) else {}
