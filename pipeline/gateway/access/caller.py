"""A caller as the door knows them, and who decides that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["Access", "Caller", "Scope"]

Scope = Literal["chat", "embeddings", "models", "files", "batches", "outcomes", "audit"]
"""What an endpoint is for, as keys name it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `key_id`: the public id of the key they came with, for budgets by key; never the key."""

    tenant: str
    key_id: str | None = None


class Access(Protocol):
    """Decides from the headers of a request who calls and whether they may."""

    async def admit(self, headers: Mapping[str, str], scope: Scope) -> Caller:
        """The caller.

        Raises:
            StepwellError: nobody knows the caller, or they may not do this.
        """
        ...
