"""How a key is written: `sk-sw-<public id>-<secret>`.

The public id is 12 letters of base 32 (60 bits). The secret is 33 characters of base 62 (192 bits by chance), and after
them 6 that check everything before: who searches repositories for lost keys finds few that are none, and a key that was
mistyped or cut off is told apart from one that is unknown.
"""

import re
from base64 import b32encode
from hashlib import blake2b
from typing import Final
from zlib import crc32

__all__ = [
    "ENTROPY_BYTES",
    "PREFIX",
    "PUBLIC_BYTES",
    "digest_of",
    "looks_like",
    "public_id",
    "public_part",
    "token_of",
    "well_formed",
]

PREFIX: Final = "sk-sw-"
ENTROPY_BYTES: Final = 24
"""Chance in a secret: 192 bits."""
PUBLIC_BYTES: Final = 8
"""Chance for a public id, of which 60 bits are used."""

_PUBLIC: Final = 12
_SECRET: Final = 33
_CHECK: Final = 6
_BEGINS: Final = len(PREFIX)
_ENDS: Final = _BEGINS + _PUBLIC
_LENGTH: Final = _ENDS + 1 + _SECRET + _CHECK
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM: Final = re.compile(rf"{PREFIX}[a-z2-7]{{{_PUBLIC}}}-[0-9A-Za-z]{{{_SECRET + _CHECK}}}", re.ASCII)


def public_id(entropy: bytes) -> str:
    """A public id of `PUBLIC_BYTES` random bytes."""
    return b32encode(entropy).decode().lower()[:_PUBLIC]


def token_of(public: str, entropy: bytes) -> str:
    """The key with this public id, and a secret of `ENTROPY_BYTES` random bytes."""
    if len(entropy) < ENTROPY_BYTES:
        raise ValueError(f"a secret takes {ENTROPY_BYTES} random bytes")
    body = f"{PREFIX}{public}-{_base62(int.from_bytes(entropy[:ENTROPY_BYTES]), _SECRET)}"
    return body + _check(body)


def looks_like(text: str) -> bool:
    """Whether somebody means this for one of our keys."""
    return text.startswith(PREFIX)


def public_part(text: str) -> str | None:
    """The public id that a key names; None where it is not as long as a key. Says nothing about the rest."""
    return text[_BEGINS:_ENDS] if len(text) == _LENGTH and text.startswith(PREFIX) else None


def well_formed(text: str) -> bool:
    """Whether it is written as a key is, and its check fits. Keys that were mistyped or cut off are not."""
    return _FORM.fullmatch(text) is not None and _check(text[:-_CHECK]) == text[-_CHECK:]


def digest_of(text: str) -> bytes:
    """What is kept of a key.

    A fast digest is enough here, where a password would need a slow one: slowness makes up for secrets that can be
    guessed, and nobody guesses 192 bits by chance, at any speed. It takes a microsecond for each request instead of the
    tenth of a second that would also let strangers keep the door busy.
    """
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=32, person=b"stepwell api key").digest()


def _check(body: str) -> str:
    return _base62(crc32(body.encode()), _CHECK)


def _base62(number: int, width: int) -> str:
    letters = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        letters.append(_DIGITS[digit])
    return "".join(reversed(letters))
