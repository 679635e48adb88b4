"""A token of ours taken apart, and how to sign another like it."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def signature(r: int, s: int) -> str:
    return b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


@dataclass(frozen=True)
class Genuine:
    """A token of ours, taken apart, and the key it was signed with."""

    token: str
    key: ec.EllipticCurvePrivateKey

    @property
    def parts(self) -> tuple[str, str, str]:
        header, payload, sealed = self.token.split(".")
        return header, payload, sealed

    @property
    def header(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(unb64(self.parts[0]))
        return found

    @property
    def claims(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(unb64(self.parts[1]))
        return found

    @property
    def r_and_s(self) -> tuple[int, int]:
        raw = unb64(self.parts[2])
        return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")

    def signed(
        self, header: Any = None, claims: Any = None, key: ec.EllipticCurvePrivateKey | None = None
    ) -> str:
        """Signed as we sign; bytes are taken as they are, None as it was."""
        texts = [
            given if isinstance(given, bytes) else json.dumps(given, separators=(",", ":")).encode()
            for given in (
                self.header if header is None else header,
                self.claims if claims is None else claims,
            )
        ]
        head = f"{b64(texts[0])}.{b64(texts[1])}"
        raw = jwt.get_algorithm_by_name("ES256").sign(head.encode(), key or self.key)
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        return f"{head}.{signature(r, min(s, ORDER - s))}"
