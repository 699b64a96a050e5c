"""The public id of the key that a caller comes with, so that budgets may count by key without anybody seeing it."""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final

__all__ = ["KeyId", "key_ids"]

KeyId = Callable[[Mapping[str, str]], str | None]
"""From the headers of a request to the public id of its key; None where it has none."""

_SCHEME: Final = "bearer "


def key_ids(secret: bytes) -> KeyId:
    """Ids as digests under `secret`: they stay the same, and nobody finds a key by trying. Without a secret, none."""
    key = blake2b(secret, digest_size=32, person=b"stepwell key ids").digest() if secret else b""

    def id_of(headers: Mapping[str, str]) -> str | None:
        said = headers.get("authorization", "")
        token = said[len(_SCHEME) :].strip() if said[: len(_SCHEME)].lower() == _SCHEME else ""
        if not token or not key:
            return None
        return f"k-{blake2b(token.encode('utf-8', 'surrogateescape'), digest_size=8, key=key).hexdigest()}"

    return id_of
