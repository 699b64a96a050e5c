"""What keeps remembered answers apart and unreadable: keyed BLAKE2 for their names, AES-GCM for their bytes.

Names tell nothing to those without the secret. A value is encrypted and bound to its key, so that one that was forged,
cut or moved to another key opens no more than one of another secret.
"""

import os
import secrets
from hashlib import blake2b
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["Seals"]

_FORMAT: Final = b"2"
_NONCE: Final = 12
_FEW: Final = frozenset({"tenant", "route"})
"""Groups of which there are few: their names are made once."""
_MOST: Final = 4_096


class Seals:
    """Names and seals under one secret; without one, under a random one, and then nothing is shared.

    Args:
        secret: shared by the processes that share a store.
    """

    def __init__(self, secret: bytes) -> None:
        secret = secret or secrets.token_bytes(32)
        names = _derived(secret, b"stepwell answer names")
        self._began = blake2b(b"%d:%b" % (len(_FORMAT), _FORMAT), digest_size=32, key=names)
        self._groups: dict[tuple[str, ...], str] = {}
        self._key = AESGCM(_derived(secret, b"stepwell answers"))

    def name(self, *parts: bytes) -> str:
        """64 hex digits for these parts, in their order."""
        digest = self._began.copy()
        digest.update(b"".join([b"%d:%b" % (len(part), part) for part in parts]))
        return digest.hexdigest()

    def group(self, kind: str, *names: str) -> str:
        """The name of a group of values, such as all of a tenant: 32 hex digits."""
        if kind in _FEW:
            known = self._groups.get((kind, *names))
            if known is None:
                known = self._group(kind, names)
                if len(self._groups) < _MOST:
                    self._groups[(kind, *names)] = known
            return known
        return self._group(kind, names)

    def _group(self, kind: str, names: tuple[str, ...]) -> str:
        return self.name(kind.encode(), *(name.encode("utf-8", "surrogatepass") for name in names))[:32]

    def seal(self, key: str, body: bytes) -> bytes:
        """Encrypt the value of a key."""
        nonce = os.urandom(_NONCE)
        return nonce + self._key.encrypt(nonce, body, key.encode())

    def open(self, key: str, value: bytes) -> bytes | None:
        """The value of a key; None where it was not sealed for that key under this secret."""
        try:
            return self._key.decrypt(value[:_NONCE], value[_NONCE:], key.encode())
        except (InvalidTag, ValueError):
            return None


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret)
