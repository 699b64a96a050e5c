"""Who remembers what pseudonyms stand for."""

from collections.abc import Mapping
from typing import Protocol

__all__ = ["Vault"]


class Vault(Protocol):
    """What stood where a token stands now, by tenant and conversation, for a while and encrypted.

    It may be away or forget: requests go on without it. Every call may raise `errors.StoreUnavailable`.
    """

    async def keep(self, tenant: str, conversation: str, issued: Mapping[str, str], ttl_s: float) -> None:
        """Remember tokens for `ttl_s` seconds from the last use. What is beyond the bounds of the vault is not kept."""
        ...

    async def find(self, tenant: str, conversation: str) -> dict[str, str]:
        """Every token remembered of this conversation, with what it stands for. Counts as use."""
        ...

    async def reveal(self, tenant: str, conversation: str, token: str) -> str | None:
        """What one token stands for; None where that is not known (any more). Callers write an audit record first."""
        ...

    async def forget(self, tenant: str, conversation: str) -> bool:
        """Forget a conversation now. Whether there was anything."""
        ...

    def reference(self, tenant: str, conversation: str) -> str:
        """A name for the conversation, 32 hex digits, that tells nothing about it to those without the key."""
        ...
