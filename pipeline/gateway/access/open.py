"""A door without keys: everybody may come in and says which tenant they are. For one's own machine and network."""

from collections.abc import Mapping

from pipeline.contracts import Usage
from pipeline.gateway.access.caller import Caller, Scope
from pipeline.gateway.keys import KeyId
from pipeline.gateway.openai import tenant_of

__all__ = ["OpenAccess"]


class OpenAccess:
    """Believes the header `x-stepwell-tenant`. A key that is sent is not checked; its public id is used for budgets."""

    def __init__(self, key_id: KeyId) -> None:
        self._key_id = key_id

    async def admit(self, headers: Mapping[str, str], scope: Scope) -> Caller:
        """The caller, whoever it is; every scope is theirs."""
        del scope
        return Caller(tenant_of(headers), self._key_id(headers))

    def counts_tokens(self, key_id: str | None) -> bool:
        """Nobody wants to know."""
        del key_id
        return False

    def used(self, key_id: str | None, usage: Usage) -> None:
        """Not counted."""
