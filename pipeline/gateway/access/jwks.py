"""The public keys of an identity provider, from a file or an address, and never from where a token says.

They are kept, and read again when they have grown old or a token names one that is not among them; not more often than
every half minute, so that nobody can make the door ask for each request. While the provider is away the keys that are
known stay for a day.
"""

import asyncio
import logging
from pathlib import Path
from typing import Any, Final

import aiohttp
import jwt
import orjson

from pipeline.errors import InvalidApiKey, TransportUnavailable
from pipeline.gateway.access.trust import Issuer
from pipeline.ports import Clock

__all__ = ["Jwks"]

_log = logging.getLogger("stepwell.jwks")

FRESH_S: Final = 600.0
STALE_S: Final = 86_400.0
AGAIN_S: Final = 30.0
FETCH_S: Final = 5.0
LARGEST: Final = 262_144
MOST: Final = 64
_KINDS: Final = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
_SMALLEST_RSA: Final = 2048
_LONGEST_KID: Final = 256


class Jwks:
    """The keys of one issuer.

    Args:
        issuer: whose.
        folder: where a file of keys is looked for.
        clock: the time.
    """

    def __init__(self, issuer: Issuer, folder: Path, clock: Clock) -> None:
        self._issuer = issuer
        self._folder = folder
        self._clock = clock
        self._keys: dict[tuple[str | None, str], list[jwt.PyJWK]] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def key(self, kid: object, algorithm: str) -> jwt.PyJWK:
        """The key that a token names, for this kind of signature.

        Raises:
            InvalidApiKey: the issuer has no such key.
            TransportUnavailable: its keys cannot be read.
        """
        if kid is not None and (not isinstance(kid, str) or len(kid) > _LONGEST_KID):
            raise InvalidApiKey("the token names its key by something that is no name")
        found = self._find(kid, algorithm)
        age = None if self._read_at is None else self._clock.monotonic() - self._read_at
        if age is None or age > STALE_S or found is None:
            await self._refresh()
            found = self._find(kid, algorithm)
        elif age > FRESH_S:
            self._begin()  # in the background: this request has its key
        if self._read_at is None or self._clock.monotonic() - self._read_at > STALE_S:
            raise TransportUnavailable("the keys of the token's issuer cannot be read now", retry_after_s=AGAIN_S)
        if found is None:
            raise InvalidApiKey("the token is signed with a key that its issuer does not have")
        return found

    def _find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        if kid is not None:
            named = self._keys.get((kid, algorithm), [])
            return named[0] if len(named) == 1 else None
        fitting = [key for (_, kind), keys in self._keys.items() if kind == algorithm for key in keys]
        return fitting[0] if len(fitting) == 1 else None

    async def _refresh(self) -> None:
        task = self._begin()
        if task is not None:
            await asyncio.shield(task)

    def _begin(self) -> "asyncio.Task[None] | None":
        """Read anew, once for all who wait; None where that was tried a moment ago."""
        if self._reading is not None and not self._reading.done():
            return self._reading
        now = self._clock.monotonic()
        if self._tried_at is not None and now - self._tried_at < AGAIN_S:
            return None
        self._tried_at = now
        self._reading = asyncio.ensure_future(self._read())
        return self._reading

    async def _read(self) -> None:
        try:
            body = await self._fetched() if self._issuer.remote else await asyncio.to_thread(self._from_file)
            self._keys = _usable(body, self._issuer)
        except (OSError, TimeoutError, aiohttp.ClientError, ValueError) as error:
            _log.warning("the keys of issuer %s cannot be read: %s", self._issuer.issuer, type(error).__name__)
            return
        self._read_at = self._clock.monotonic()
        if not self._keys:
            _log.warning("issuer %s has no key that its tokens may be signed with", self._issuer.issuer)

    async def _fetched(self) -> bytes:
        timeout = aiohttp.ClientTimeout(total=FETCH_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(self._issuer.jwks, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            body = bytearray()
            async for piece in response.content.iter_chunked(16_384):
                body += piece
                if len(body) > LARGEST:
                    raise ValueError("too large")
            return bytes(body)

    def _from_file(self) -> bytes:
        with (self._folder / self._issuer.jwks).open("rb") as opened:
            body = opened.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise ValueError("too large")
        return body


def _usable(body: bytes, issuer: Issuer) -> dict[tuple[str | None, str], list[jwt.PyJWK]]:
    """Public keys of the kinds that tokens may be signed with; whatever else stands there is left out."""
    document = orjson.loads(body)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST:
        raise ValueError("no set of keys")
    found: dict[tuple[str | None, str], list[jwt.PyJWK]] = {}
    for data in listed:
        for algorithm in issuer.algorithms:
            key = _read_key(data, algorithm)
            if key is not None:
                found.setdefault((key.key_id, algorithm), []).append(key)
    return found


def _read_key(data: Any, algorithm: str) -> jwt.PyJWK | None:
    kind, curve = _KINDS[algorithm]
    if not isinstance(data, dict) or data.get("kty") != kind or (curve is not None and data.get("crv") != curve):
        return None
    if data.get("use", "sig") != "sig" or data.get("alg", algorithm) != algorithm or "d" in data:
        return None
    if not isinstance(data.get("kid", ""), str):
        return None
    try:
        key = jwt.PyJWK(data, algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return None if kind == "RSA" and key.key.key_size < _SMALLEST_RSA else key
