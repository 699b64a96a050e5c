"""Which models the door offers: the routes and the variants of the policy in force, and `auto`."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import orjson

from pipeline.errors import UnknownModel
from pipeline.gateway.openai import AUTO
from pipeline.policy.models import Route, Variant

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

    @property
    def variants(self) -> Mapping[str, Variant]:
        """The variants by name."""
        ...


class OfferSource(Protocol):
    """Where the policy in force comes from."""

    def current(self) -> Offer:
        """The policy in force now."""
        ...


class Catalogue:
    """The names of one policy revision, worked out once for each revision."""

    def __init__(self, source: OfferSource, created: int) -> None:
        self._source = source
        self._created = created
        self._revision: str | None = None
        self._kinds: Mapping[str, str] = {}
        self._listing = b""

    def check(self, model: str) -> None:
        """Let pass what can be served.

        Raises:
            UnknownModel: no route or variant has this name.
        """
        if model != AUTO and model not in self._fresh():
            raise UnknownModel(
                f"no route or variant is called {model}: see GET /v1/models, or ask for {AUTO}", param="model"
            )

    def listing(self) -> bytes:
        """The answer of `GET /v1/models`."""
        self._fresh()
        return self._listing

    def entry(self, model: str) -> bytes:
        """The answer of `GET /v1/models/{model}`.

        Raises:
            UnknownModel: no route or variant has this name.
        """
        self.check(model)
        return orjson.dumps(self._entry(model, self._fresh()[model]))

    def _fresh(self) -> Mapping[str, str]:
        policy = self._source.current()
        if policy.revision != self._revision:
            variants = dict.fromkeys(policy.variants, "variant")
            routes = {route.spec.name: "route" for route in policy.routes}
            self._kinds = (
                {AUTO: "auto"} | routes | {name: kind for name, kind in variants.items() if name not in routes}
            )
            data = [self._entry(name, kind) for name, kind in self._kinds.items()]
            self._listing = orjson.dumps({"object": "list", "data": data})
            self._revision = policy.revision
        return self._kinds

    def _entry(self, name: str, kind: str) -> dict[str, object]:
        extension = {"kind": kind}
        return {
            "id": name,
            "object": "model",
            "created": self._created,
            "owned_by": "stepwell",
            "stepwell": extension,
        }
