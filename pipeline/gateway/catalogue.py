"""Which models the door offers a tenant: the routes and the variants of the policy in force, and `auto`."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import orjson

from pipeline.errors import UnknownModel
from pipeline.gateway.openai import AUTO
from pipeline.policy.models import Route

__all__ = ["Catalogue", "Offer", "OfferSource"]


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
            raise UnknownModel(
                f"no route or variant is called {model}: see GET /v1/models, or ask for {AUTO}", param="model"
            )

    def listing(self, tenant: str) -> bytes:
        """The answer of `GET /v1/models`."""
        return self._offered(tenant).listing

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
