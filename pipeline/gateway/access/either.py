"""A door for those with a key, and for those with a token of an identity provider."""

from collections.abc import Mapping

from pipeline.contracts import Usage
from pipeline.gateway.access.caller import Access, Caller, Scope
from pipeline.gateway.access.credentials import credential
from pipeline.keys import looks_like

__all__ = ["EitherAccess"]


class EitherAccess:
    """What is written as our keys are is a key, everything else a token; neither is tried as the other."""

    def __init__(self, keys: Access, tokens: Access) -> None:
        self._keys = keys
        self._tokens = tokens

    async def admit(self, headers: Mapping[str, str], scope: Scope) -> Caller:
        """The caller; see the two of them."""
        chosen = self._keys if looks_like(credential(headers)) else self._tokens
        return await chosen.admit(headers, scope)

    def counts_tokens(self, key_id: str | None) -> bool:
        """Whether the key has a limit of tokens."""
        return self._keys.counts_tokens(key_id)

    def used(self, key_id: str | None, usage: Usage) -> None:
        """Count tokens against the limit of the key."""
        self._keys.used(key_id, usage)
