"""A vault in this process, for tests and for one worker without Valkey."""

from collections.abc import Mapping

from pipeline.adapters.vault import LONGEST, MOST
from pipeline.adapters.vault_keys import Keyring
from pipeline.ports import Clock

__all__ = ["MemoryVault"]


class MemoryVault:
    """Keeps the newest `capacity` conversations. Time comes from the clock it is given."""

    def __init__(self, clock: Clock, keyring: Keyring, capacity: int = 10_000) -> None:
        self._clock = clock
        self._keyring = keyring
        self._capacity = capacity
        self._kept: dict[str, tuple[dict[str, str], float, float]] = {}

    def reference(self, tenant: str, conversation: str) -> str:
        """A name for the conversation, 32 hex digits."""
        return self._keyring.name(tenant, conversation)

    async def keep(self, tenant: str, conversation: str, issued: Mapping[str, str], ttl_s: float) -> None:
        """Remember tokens for `ttl_s` seconds from the last use."""
        fitting = {token: value for token, value in issued.items() if len(value) <= LONGEST and len(token) <= LONGEST}
        known = self._known(tenant, conversation)
        if not known and not fitting:
            return
        room = max(0, MOST - len(known))
        known |= dict(list(fitting.items())[:room])
        self._renew(tenant, conversation, known, ttl_s)
        while len(self._kept) > self._capacity:
            del self._kept[next(iter(self._kept))]

    async def find(self, tenant: str, conversation: str) -> dict[str, str]:
        """Every token of this conversation. Its time begins anew."""
        known = self._known(tenant, conversation)
        if known:
            self._renew(tenant, conversation, known, self._kept[self.reference(tenant, conversation)][2])
        return known

    async def reveal(self, tenant: str, conversation: str, token: str) -> str | None:
        """What one token stands for, or None. Its time goes on."""
        return self._known(tenant, conversation).get(token)

    async def forget(self, tenant: str, conversation: str) -> bool:
        """Forget a conversation now."""
        return self._kept.pop(self.reference(tenant, conversation), None) is not None

    async def close(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def _known(self, tenant: str, conversation: str) -> dict[str, str]:
        name = self.reference(tenant, conversation)
        known, until, _ = self._kept.get(name, ({}, 0.0, 0.0))
        if known and self._clock.monotonic() >= until:
            del self._kept[name]
            return {}
        return dict(known)

    def _renew(self, tenant: str, conversation: str, known: dict[str, str], ttl_s: float) -> None:
        name = self.reference(tenant, conversation)
        self._kept.pop(name, None)
        self._kept[name] = (known, self._clock.monotonic() + ttl_s, ttl_s)
