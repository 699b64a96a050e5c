"""A vault in Valkey or Redis: one hash for each conversation, which goes when it is not used for its time.

Whoever reads the store without a key sees names that tell nothing, tokens, and ciphertext. A value is bound to tenant,
conversation and token, so that none can be moved to where another one stands.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from pipeline.adapters.vault_keys import KEY_BYTES, Keyring, UnknownKey, opened, sealed
from pipeline.errors import StoreUnavailable

__all__ = ["ANSWER_S", "CONNECT_S", "LONGEST", "MOST", "PREFIX", "ValkeyVault"]

PREFIX: Final = "stepwell:vault:"
"""What our keys begin with, so that a store may be shared and permissions can name them."""
CONNECT_S: Final = 0.5
"""Seconds for a connection to come about."""
ANSWER_S: Final = 0.25
"""Seconds for the store to answer."""
MOST: Final = 4096
"""Tokens of a conversation that are kept."""
LONGEST: Final = 1024
"""Characters of a value that is kept."""
_CONNECTIONS: Final = 16
_KEY, _TTL, _TOKEN = b"key", b"ttl", b"t:"


class ValkeyVault:
    """A `Vault` under `PREFIX`. Belongs to one event loop.

    Args:
        url: a `redis://` or `rediss://` address with a database number. The first call connects.
        keyring: encrypts the data keys.
    """

    def __init__(self, url: str, keyring: Keyring) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=ANSWER_S,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._client = Redis.from_pool(pool)
        self._keyring = keyring

    def reference(self, tenant: str, conversation: str) -> str:
        """A name for the conversation, 32 hex digits."""
        return self._keyring.name(tenant, conversation)

    async def keep(self, tenant: str, conversation: str, issued: Mapping[str, str], ttl_s: float) -> None:
        """Remember tokens for `ttl_s` seconds from the last use; at most `MOST`, and none longer than `LONGEST`."""
        kept = {token: value for token, value in issued.items() if len(value) <= LONGEST and len(token) <= LONGEST}
        if not kept:
            return
        name, ttl_ms = PREFIX + self.reference(tenant, conversation), max(1, round(ttl_s * 1000))
        new_key = self._keyring.wrap(os.urandom(KEY_BYTES), (tenant, conversation))
        *_, wrapped, size = await self._ask(
            ("HSETNX", name, _KEY, new_key),
            ("HSET", name, _TTL, ttl_ms),
            ("PEXPIRE", name, ttl_ms),
            ("HGET", name, _KEY),
            ("HLEN", name),
        )
        data_key = self._unwrapped(wrapped, tenant, conversation)
        fields: list[bytes | str | int] = []
        if not self._keyring.is_current(wrapped):
            fields += (_KEY, self._keyring.wrap(data_key, (tenant, conversation)))
        room = MOST + 2 - int(size)
        for token, value in list(kept.items())[: max(0, room)]:
            context = (tenant, conversation, token)
            fields += (_field(token), sealed(AESGCM(data_key), value.encode("utf-8", "surrogatepass"), context))
        if fields:
            await self._ask(("HSET", name, *fields), ("PEXPIRE", name, ttl_ms))

    async def find(self, tenant: str, conversation: str) -> dict[str, str]:
        """Every token of this conversation that can be read. Its time begins anew."""
        name = PREFIX + self.reference(tenant, conversation)
        (stored,) = await self._ask(("HGETALL", name))
        if _KEY not in stored:
            return {}
        key = AESGCM(self._unwrapped(stored[_KEY], tenant, conversation))
        if stored.get(_TTL, b"").isdigit():
            await self._ask(("PEXPIRE", name, int(stored[_TTL])))
        return dict(_readable(key, stored, tenant, conversation))

    async def reveal(self, tenant: str, conversation: str, token: str) -> str | None:
        """What one token stands for, or None. Its time goes on."""
        name = PREFIX + self.reference(tenant, conversation)
        ((wrapped, body),) = await self._ask(("HMGET", name, _KEY, _field(token)))
        if wrapped is None or body is None:
            return None
        key = AESGCM(self._unwrapped(wrapped, tenant, conversation))
        return _value(opened(key, body, (tenant, conversation, token)))

    async def forget(self, tenant: str, conversation: str) -> bool:
        """Forget a conversation now."""
        (gone,) = await self._ask(("DEL", PREFIX + self.reference(tenant, conversation)))
        return bool(gone)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose(close_connection_pool=True)

    async def _ask(self, *commands: tuple[bytes | str | int, ...]) -> list[Any]:
        """Send commands together; their answers, in order."""
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            answers: list[Any] = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            kind = type(error).__name__
            raise StoreUnavailable(f"the vault at STEPWELL_VALKEY does not answer ({kind})") from None
        return answers

    def _unwrapped(self, wrapped: bytes | None, tenant: str, conversation: str) -> bytes:
        try:
            return self._keyring.unwrap(wrapped or b"", (tenant, conversation))
        except UnknownKey:
            raise StoreUnavailable(
                "the vault holds a key that is damaged, or encrypted under none of STEPWELL_VAULT_KEYS: "
                "keep retired keys at the end of that list until their time is over"
            ) from None


def _field(token: str) -> bytes:
    return _TOKEN + token.encode("utf-8", "surrogatepass")


def _readable(key: AESGCM, stored: Mapping[bytes, bytes], tenant: str, conversation: str) -> Iterator[tuple[str, str]]:
    """What was not tampered with."""
    for field, body in stored.items():
        if field.startswith(_TOKEN):
            token = field[len(_TOKEN) :].decode("utf-8", "surrogatepass")
            value = _value(opened(key, body, (tenant, conversation, token)))
            if value is not None:
                yield token, value


def _value(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "surrogatepass")
