"""Which models the door offers a tenant: the routes and the variants of the policy in force, and `auto`."""

from collections.abc import Collection, Container, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import orjson

from pipeline.errors import UnknownModel
from pipeline.gateway.openai import AUTO
from pipeline.policy.models import Route

__all__ = ["Catalogue", "Offer", "OfferSource"]


KEY: Final = "sk-"
"""What begins so may be a key that was pasted into the wrong place, and is never repeated."""


class NamedRoute(Protocol):
    """A route of the policy in force."""

    @property
    def spec(self) -> Route:
        """What the file says."""
        ...


class Offer(Protocol):
    """What the door reads of a policy."""

    @property
    def revision(self) -> str:
        """Digest of all policies in force."""
        ...

    @property
    def routes(self) -> Sequence[NamedRoute]:
        """The routes, in order."""
        ...

    @property
    def passes(self) -> Collection[str]:
        """Names of fields that some target passes on to its model."""
        ...

    def variants_of(self, tenant: str) -> Sequence[str]:
        """The variants that a tenant may name."""
        ...


class OfferSource(Protocol):
    """Where the policy in force comes from."""

    def current(self) -> Offer:
        """The policy in force now."""
        ...


class Catalogue:
    """The names of one policy revision, worked out once for each revision and each set of names."""

    def __init__(self, source: OfferSource, created: int) -> None:
        self._source = source
        self._created = created
        self._revision: str | None = None
        self._offers: dict[tuple[str, ...], _Offered] = {}

    def check(self, model: str, tenant: str) -> None:
        """Let pass what can be served.

        Raises:
            UnknownModel: no route has this name, and no variant of this tenant.
        """
        if model != AUTO and model not in self._offered(tenant).kinds:
            shown = "so" if model.startswith(KEY) else model
            raise UnknownModel(
                f"no route or variant is called {shown}: see GET /v1/models, or ask for {AUTO}", param="model"
            )

    @property
    def passes(self) -> Collection[str]:
        """Names of fields that some target passes on to its model; which of them counts for a request, plan says."""
        return self._source.current().passes

    def listing(self, tenant: str, only: Container[str] | None = None) -> bytes:
        """The answer of `GET /v1/models`; of these names alone where they are given."""
        offered = self._offered(tenant)
        if only is None:
            return offered.listing
        data = [self._entry(name, kind) for name, kind in offered.kinds.items() if name in only]
        return orjson.dumps({"object": "list", "data": data})

    def entry(self, model: str, tenant: str) -> bytes:
        """The answer of `GET /v1/models/{model}`.

        Raises:
            UnknownModel: no route has this name, and no variant of this tenant.
        """
        self.check(model, tenant)
        return orjson.dumps(self._entry(model, self._offered(tenant).kinds[model]))

    def _offered(self, tenant: str) -> "_Offered":
        policy = self._source.current()
        if policy.revision != self._revision:
            self._offers, self._revision = {}, policy.revision
        variants = tuple(policy.variants_of(tenant))
        known = self._offers.get(variants)
        if known is None:
            routes = dict.fromkeys((route.spec.name for route in policy.routes), "route")
            kinds = {AUTO: "auto"} | routes | {name: "variant" for name in variants if name not in routes}
            data = [self._entry(name, kind) for name, kind in kinds.items()]
            known = self._offers[variants] = _Offered(kinds, orjson.dumps({"object": "list", "data": data}))
        return known

    def _entry(self, name: str, kind: str) -> dict[str, object]:
        extension = {"kind": kind}
        return {
            "id": name,
            "object": "model",
            "created": self._created,
            "owned_by": "stepwell",
            "stepwell": extension,
        }


class _Offered(NamedTuple):
    kinds: Mapping[str, str]
    listing: bytes
