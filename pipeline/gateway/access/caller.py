"""A caller as the door knows them, and who decides that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.contracts import Lane, Usage
from pipeline.errors import PermissionDenied
from pipeline.gateway.openai import AUTO
from pipeline.keys import LANES, SCOPES, Scope

__all__ = ["Access", "Caller", "Scope"]

_ALL: frozenset[Scope] = frozenset(SCOPES)
_BOTH: frozenset[Lane] = frozenset(LANES)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what they may.

    Attributes:
        tenant: whose request it is.
        key_id: the public id of the key they came with, for budgets by key; never the key.
        scopes: endpoints that they may use.
        routes: names of routes and variants that they may ask; None: all that the tenant has.
        lanes: `interactive`, `batch`.
        done: to be called once when the request has ended, where somebody counts those that run.
    """

    tenant: str
    key_id: str | None = None
    scopes: frozenset[Scope] = _ALL
    routes: frozenset[str] | None = None
    lanes: frozenset[Lane] = _BOTH
    done: Callable[[], None] | None = field(default=None, compare=False, repr=False)

    def check_model(self, model: str) -> None:
        """Let pass what they may ask.

        `auto` may lead to any route, so who may not ask all of them has to name one.

        Raises:
            PermissionDenied: the key or token does not open it.
        """
        if self.routes is None or model in self.routes:
            return
        what = "any route, and this key opens some alone: name one" if model == AUTO else "none that this key opens"
        raise PermissionDenied(f"model {model} is {what}; GET /v1/models lists them", param="model")

    def check_scope(self, scope: Scope) -> None:
        """Let pass what they may use. Raises `PermissionDenied`."""
        if scope not in self.scopes:
            raise PermissionDenied(f"this key or token does not open {scope}: ask for one with that scope")

    def check_lane(self, lane: Lane) -> None:
        """Let pass the lanes that are theirs. Raises `PermissionDenied`."""
        if lane not in self.lanes:
            raise PermissionDenied(f"this key or token does not open the {lane} lane: ask for one with that lane")


class Access(Protocol):
    """Decides from the headers of a request who calls and whether they may."""

    async def admit(self, headers: Mapping[str, str], scope: Scope) -> Caller:
        """The caller.

        Raises:
            StepwellError: nobody knows the caller, or they may not do this.
        """
        ...

    def counts_tokens(self, key_id: str | None) -> bool:
        """Whether somebody wants to know what requests of this key used."""
        ...

    def used(self, key_id: str | None, usage: Usage) -> None:
        """What a request used has become known. Never raises."""
        ...
