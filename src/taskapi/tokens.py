"""The tokens clients carry: signed access tokens (JWT), sealed ones that only we read, and personal ones.

An access token (RFC 9068, ES256) is accepted only if its header is, byte for byte, one that we issue: so
`alg`, `kid`, `jku`, `jwk`, `crit` and `typ` leave nothing to argue about. Its signature has one spelling: the
low half of `s` (as in BIP 62) and canonical base64url, so that no second string is the same token.

A personal token is `tk_`, 36 random characters and the CRC-32 of those in 6 more: whoever finds one, in a
commit or a log, can tell that it is one, and one that was mistyped costs no query.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
import zlib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, Field

from taskapi.clock import SECOND
from taskapi.ids import new_id
from taskapi.keys import Keys

ACCESS_SECONDS = 600
AUDIENCE = "taskapi"
SCOPE = "tasks:read tasks:write account"

# The order of P-256's base point (FIPS 186-5, SP 800-186).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_COMPACT = re.compile(r"([A-Za-z0-9_-]{20,400})\.([A-Za-z0-9_-]{20,2000})\.([A-Za-z0-9_-]{85}[AQgw])")
_PERSONAL = re.compile(r"tk_([0-9A-Za-z]{36})([0-9A-Za-z]{6})")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_INTEGERS = ("exp", "iat", "nbf", "uep")
_STRINGS = ("iss", "aud", "sub", "sid", "scope", "jti", "via")


@dataclass(frozen=True)
class Access:
    """What a verified token says; whether it was revoked since is the epochs' to tell.

    `session_id` is a personal token's own id; `until` is its end in milliseconds since 1970.
    """

    user_id: str
    session_id: str
    user_epoch: int
    via: str
    until: int
    scopes: frozenset[str]
    is_personal: bool = False


class AccessTokens:
    """Issues and verifies access tokens, and publishes the keys to verify them with."""

    def __init__(self, keys: Keys, issuer: str) -> None:
        self._issuer = issuer
        self._signing = keys.signing[0]
        public = [key.public_key() for key in keys.signing]
        self._header = _header(public[0])
        self._verifying = {_segment(orjson.dumps(_header(key))): key for key in public}
        self.jwks = {"keys": [_jwk(key) for key in public]}

    def issue(self, user_id: str, session_id: str, user_epoch: int, via: str) -> str:
        """A token for `ACCESS_SECONDS`; `via` says how its session came in: ui, api, cli."""
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "uep": user_epoch,
            "scope": SCOPE,
            "via": via,
            "iat": now,
            "nbf": now,
            "exp": now + ACCESS_SECONDS,
            "jti": new_id(),
        }
        signing_input = f"{_segment(orjson.dumps(self._header))}.{_segment(orjson.dumps(claims))}"
        raw = jwt.get_algorithm_by_name("ES256").sign(signing_input.encode(), self._signing)
        return f"{signing_input}.{_segment(_low(raw))}"

    def verify(self, token: str) -> Access | None:
        """What the token says, or None where it is not one of ours or its time is over."""
        match = _COMPACT.fullmatch(token)
        key = self._verifying.get(match[1]) if match else None
        if match is None or key is None or not _is_low(match[3]):
            return None
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=["ES256"],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": [*_INTEGERS, *_STRINGS], "strict_aud": True},
            )
        except jwt.InvalidTokenError:
            return None
        # One spelling for the claims too: no name twice, whoever reads the token reads the same.
        return _access(claims) if _segment(orjson.dumps(claims)) == match[2] else None


def _access(claims: dict[str, Any]) -> Access | None:
    """The claims, if each has the very type we issue: a number in a string is somebody else's."""
    if any(type(claims[name]) is not int for name in _INTEGERS):
        return None
    if any(type(claims[name]) is not str for name in _STRINGS):
        return None
    return Access(
        user_id=claims["sub"],
        session_id=claims["sid"],
        user_epoch=claims["uep"],
        via=claims["via"],
        until=claims["exp"] * SECOND,
        scopes=scopes_from(claims["scope"]),
    )


@lru_cache(maxsize=64)
def scopes_from(text: str) -> frozenset[str]:
    """Scopes as they are written down, remembered: the same few belong to every token."""
    return frozenset(text.split())


def new_personal_token() -> str:
    """A fresh personal token, of 214 random bits."""
    drawn = "".join(secrets.choice(_BASE62) for _ in range(36))
    return f"tk_{drawn}{_checksum(drawn)}"


def is_personal_token(text: str) -> bool:
    """Whether the text has the form of a personal token; whether it is one, the database knows."""
    match = _PERSONAL.fullmatch(text)
    return match is not None and _checksum(match[1]) == match[2]


def _checksum(drawn: str) -> str:
    rest, digits = zlib.crc32(drawn.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits


def _header(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    return {"alg": "ES256", "kid": _jwk(key)["kid"], "typ": "at+jwt"}


def _jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The public key as RFC 7517 has it; `kid` is its thumbprint by RFC 7638."""
    numbers = key.public_numbers()
    members = {
        "crv": "P-256",
        "kty": "EC",
        "x": _segment(numbers.x.to_bytes(32, "big")),
        "y": _segment(numbers.y.to_bytes(32, "big")),
    }
    thumbprint = hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest()
    return members | {"kid": _segment(thumbprint), "use": "sig", "alg": "ES256"}


def _low(signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:], "big")
    return signature[:32] + min(s, _ORDER - s).to_bytes(32, "big")


def _is_low(segment: str) -> bool:
    s = int.from_bytes(_unsegment(segment)[32:], "big")
    return s <= _ORDER // 2


def _segment(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unsegment(text: str) -> bytes:
    """Raises ValueError where the text is not the one canonical spelling of its bytes."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if _segment(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


class Seal:
    """Strings that clients hand back to us: readable by anyone, made by us alone, for one purpose.

    The tag is HMAC-SHA256 cut to 128 bits, over the purpose's own key, the binding and the payload.
    """

    _TAG_BYTES = 16

    def __init__(self, keys: Keys, purpose: str) -> None:
        # Copied for each tag: `hmac.digest` would let go of the interpreter's lock for a microsecond's work,
        # and wait for its turn to have it again.
        self._keyed = hmac.new(keys.derived(purpose), digestmod="sha256")

    def close(self, payload: Any, binding: str = "") -> str:
        """Seal any JSON; `binding` (a user, a filter) is not inside and has to be the same on opening."""
        raw = orjson.dumps(payload)
        return _segment(self._tag(raw, binding) + raw)

    def open(self, token: str, binding: str = "") -> Any:
        """The payload. Raises ValueError for anything that `close` did not make with this binding."""
        try:
            sealed = _unsegment(token)
        except UnicodeEncodeError as error:
            raise ValueError("not base64url") from error
        tag, raw = sealed[: self._TAG_BYTES], sealed[self._TAG_BYTES :]
        if not hmac.compare_digest(tag, self._tag(raw, binding)):
            raise ValueError("not ours, or for something else")
        return orjson.loads(raw)

    @classmethod
    def claimed(cls, token: str) -> Any:
        """The payload before it is verified: only to find out what to verify it with.

        Raises ValueError where there is none.
        """
        try:
            return orjson.loads(_unsegment(token)[cls._TAG_BYTES :])
        except UnicodeEncodeError as error:
            raise ValueError("not base64url") from error

    def _tag(self, raw: bytes, binding: str) -> bytes:
        # The binding's length keeps `a` + `bc` apart from `ab` + `c`.
        bound = binding.encode("utf-8", "surrogatepass")
        tagged = self._keyed.copy()
        tagged.update(len(bound).to_bytes(4, "big") + bound + raw)
        return tagged.digest()[: self._TAG_BYTES]


class TokensOut(BaseModel):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme, not a secret
    expires_in: int = ACCESS_SECONDS
    refresh_token: str | None = Field(None, description="Absent where it is in the cookie.")


@dataclass(frozen=True)
class Grant:
    """Fresh tokens; `by_cookie` says that the refresh token travels in the cookie alone."""

    access_token: str
    refresh_token: str
    by_cookie: bool
    device: str
    session_id: str
    limit_headers: dict[str, str] = field(default_factory=dict)

    def with_headers(self, headers: dict[str, str]) -> "Grant":
        return replace(self, limit_headers=headers)

    def as_json(self) -> dict[str, object]:
        in_body = None if self.by_cookie else self.refresh_token
        return TokensOut(access_token=self.access_token, refresh_token=in_body).model_dump(exclude_none=True)
