"""Keys of the vault: those that encrypt keys, and the one under which conversations have their names.

Envelope encryption: each conversation has a data key of its own, and only that one is encrypted under a key from the
settings. So keys can be changed without touching what is stored: the first one encrypts, all of them decrypt.
"""

import base64
import binascii
import hmac
import json
import os
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.errors import SetupError

__all__ = ["Keyring", "UnknownKey", "opened", "sealed"]

KEY_BYTES: Final = 32
_NONCE: Final = 12
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_DERIVED: Final = "secret"
"""Id of the key that comes from the secret where no keys are given."""


class UnknownKey(Exception):
    """A data key was encrypted under a key that is not on the ring, or it is damaged."""


class Keyring:
    """Encrypts data keys, and names conversations.

    Args:
        keys: id and 32 bytes of each key; the first one encrypts.
        naming: key of the names, the same for as long as names are to be found.
    """

    def __init__(self, keys: Sequence[tuple[str, bytes]], naming: bytes) -> None:
        self._keys = {name: AESGCM(key) for name, key in keys}
        self._current = keys[0][0]
        self._naming = naming

    @classmethod
    def of(cls, vault_keys: str | None, secret: bytes) -> "Keyring | None":
        """The ring of the settings; None where there is neither a key nor a secret to derive one from.

        Args:
            vault_keys: `id:base64,id2:base64`, 32 bytes each (`STEPWELL_VAULT_KEYS`).
            secret: key of the MACs (`STEPWELL_SECRET`); names come from it, or else from the last, oldest key.

        Raises:
            SetupError: `vault_keys` is not of that form.
        """
        keys = [_parsed(entry) for entry in (vault_keys or "").split(",") if entry.strip()]
        if len({name for name, _ in keys}) != len(keys):
            raise SetupError("STEPWELL_VAULT_KEYS has two keys with one id: give each its own")
        if not keys and not secret:
            return None
        naming = _derived(secret or keys[-1][1], b"stepwell vault names")
        return cls(keys or [(_DERIVED, _derived(secret, b"stepwell vault keys"))], naming)

    def name(self, tenant: str, conversation: str) -> str:
        """The name of a conversation: 32 hex digits that tell nothing about it."""
        return hmac.digest(self._naming, json.dumps([tenant, conversation]).encode(), sha256).hex()[:32]

    def wrap(self, data_key: bytes, context: Sequence[str]) -> bytes:
        """Encrypt a data key under the first key; `context` must be the same to decrypt it."""
        return self._current.encode() + b":" + sealed(self._keys[self._current], data_key, ["key", *context])

    def unwrap(self, wrapped: bytes, context: Sequence[str]) -> bytes:
        """Decrypt a data key. Raises `UnknownKey` where no key fits."""
        name, _, body = wrapped.partition(b":")
        key = self._keys.get(name.decode("ascii", "replace"))
        data_key = opened(key, body, ["key", *context]) if key is not None else None
        if data_key is None:
            raise UnknownKey
        return data_key

    def is_current(self, wrapped: bytes) -> bool:
        """Whether a data key is encrypted under the first key already."""
        return wrapped.partition(b":")[0] == self._current.encode()


def _parsed(entry: str) -> tuple[str, bytes]:
    name, _, encoded = entry.strip().partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if not _ID.fullmatch(name) or len(key) != KEY_BYTES:
        raise SetupError(
            "STEPWELL_VAULT_KEYS is not a list of id:key with 32 bytes of base64 for each key: "
            "make one with `openssl rand -base64 32`"
        )
    return name, key


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(secret)


def sealed(key: AESGCM, value: bytes, context: Sequence[str]) -> bytes:
    """Encrypt (AES-256-GCM, a random nonce in front); `context` is bound to it and not stored."""
    nonce = os.urandom(_NONCE)
    return nonce + key.encrypt(nonce, value, json.dumps(context).encode())


def opened(key: AESGCM, body: bytes, context: Sequence[str]) -> bytes | None:
    """What was encrypted; None where it is damaged, or belongs to another key or context."""
    try:
        return key.decrypt(body[:_NONCE], body[_NONCE:], json.dumps(context).encode())
    except (InvalidTag, ValueError):
        return None
