"""What we keep and nobody else may read, not even with the database in hand."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from taskapi.keys import Keys

# As NIST SP 800-38D recommends; random ones do not repeat within 2^32 envelopes of a key.
_NONCE_BYTES = 12


class Envelope:
    """Encrypts with AES-256-GCM under the purpose's own key."""

    def __init__(self, keys: Keys, purpose: str) -> None:
        self._cipher = AESGCM(keys.derived(purpose))

    def close(self, content: bytes, binding: str) -> bytes:
        """Seal content; `binding` says where it belongs and has to be the same on opening."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, binding.encode())

    def open(self, sealed: bytes, binding: str) -> bytes:
        """The content. Raises ValueError for what was not closed with this key and binding."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], binding.encode())
        except InvalidTag:
            raise ValueError("not ours, or for something else") from None
