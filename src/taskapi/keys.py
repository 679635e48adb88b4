"""The two secrets of an instance: what signs access tokens, and what everything else is sealed with.

Both are given by settings, or made at the first start under TASKAPI_HOME/keys with rights 0600.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from taskapi.errors import BadStart
from taskapi.settings import Settings


@dataclass(frozen=True)
class Keys:
    """`signing` signs with its first key and verifies with all; `secret` is never used as it is."""

    signing: tuple[ec.EllipticCurvePrivateKey, ...]
    secret: bytes

    @property
    def name(self) -> str:
        """What a service calls its own in a Redis that others may use too."""
        return f"taskapi:{self.derived('channel').hex()[:16]}"

    def derived(self, purpose: str) -> bytes:
        """32 bytes for one purpose (HKDF, RFC 5869), so that no two uses share a key."""
        hkdf = HKDF(hashes.SHA256(), length=32, salt=None, info=f"taskapi {purpose}".encode())
        return hkdf.derive(self.secret)


def new_signing_key() -> str:
    """A fresh P-256 key as PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )


def new_secret_key() -> str:
    return secrets.token_urlsafe(48)


def load_keys(settings: Settings, keep: bool = True) -> Keys:
    """The keys of this instance; missing ones are made, and kept unless somebody only wants to look.

    Raises BadStart where a given key cannot be used or the files cannot be made.
    """
    pem = (
        settings.signing_key.get_secret_value()
        if settings.signing_key
        else _kept(settings.home / "keys" / "signing.pem", new_signing_key(), keep)
    )
    signing = tuple(_parsed(pem))  # Before a secret is made beside a key that cannot be used.
    secret = (
        settings.secret_key.get_secret_value()
        if settings.secret_key
        else _kept(settings.home / "keys" / "secret", new_secret_key(), keep)
    )
    return Keys(signing, secret.encode())


def _kept(path: Path, fresh: str, keep: bool) -> str:
    """What the file holds, made with `fresh` where it is missing; readable by its owner alone."""
    try:
        if not keep and not path.exists():
            return fresh
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            # Written whole under another name first: a crash leaves no half key, a race keeps the first.
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(fresh)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        if path.stat().st_mode & 0o077:
            raise BadStart(f"TASKAPI_HOME: others can read {path}; run `chmod 600 {path}` or replace the key")
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise BadStart(f"TASKAPI_HOME: cannot keep {path} ({error.strerror}); mend its rights") from None


def _parsed(pem: str) -> list[ec.EllipticCurvePrivateKey]:
    mark = "-----BEGIN "
    # In the one line of an environment file line breaks are written as backslash and n.
    blocks = [mark + block for block in pem.replace("\\n", "\n").split(mark)[1:]]
    keys = []
    for block in blocks:
        try:
            key = serialization.load_pem_private_key(block.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise BadStart(
                "TASKAPI_SIGNING_KEY: not a P-256 private key in PEM; make one with `taskapi keys`"
            )
        keys.append(key)
    if not keys:
        raise BadStart("TASKAPI_SIGNING_KEY: no PEM block in it; make one with `taskapi keys`")
    return keys
