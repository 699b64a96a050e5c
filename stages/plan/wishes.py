"""What a caller wishes about who should answer, where the route lets callers wish it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.contracts import MaxPrice, ProviderPreferences, Signals
from pipeline.errors import InvalidRequest
from pipeline.policy.models import Preference, Route, Target

__all__ = ["Wishes", "wishes_of"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What of it counts. `only` None: anybody; `fallbacks` False: nobody but the chosen one may answer."""

    order: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    no_training: bool = False
    sort: Literal["price", "latency"] | None = None
    max_price: MaxPrice | None = None
    fallbacks: bool = True


_NONE: Final = Wishes()
_NO_FALLBACKS: Final = Wishes(fallbacks=False)


def wishes_of(signals: Signals, route: Route, targets: Mapping[str, Target], *, pinned: bool) -> Wishes:
    """The wishes of the caller.

    Raises:
        InvalidRequest: the route does not let callers wish this, or it can never be had; the message names the field.
    """
    fallbacks = not (pinned or signals.disable_fallbacks)
    wished = signals.provider
    if wished is None:
        return _NONE if fallbacks else _NO_FALLBACKS
    for name in _used(wished):
        if name not in route.callers_may:
            raise InvalidRequest(_not_here(name, route), param=f"provider.{name}")
    if wished.only is not None and (fault := _nobody(wished.only, targets)):
        raise InvalidRequest(f"provider.only: {fault}", param="provider.only")
    return Wishes(
        order=wished.order,
        only=wished.only,
        ignore=wished.ignore,
        no_training=wished.data_collection == "deny",
        sort=wished.sort,
        max_price=wished.max_price,
        fallbacks=fallbacks and wished.allow_fallbacks,
    )


def _used(wished: ProviderPreferences) -> list[Preference]:
    """The fields that say something; one that repeats what holds anyway is no wish."""
    said: dict[Preference, bool] = {
        "order": bool(wished.order),
        "only": wished.only is not None,
        "ignore": bool(wished.ignore),
        "allow_fallbacks": not wished.allow_fallbacks,
        "data_collection": wished.data_collection == "deny",
        "sort": wished.sort is not None,
        "max_price": wished.max_price is not None,
    }
    return [name for name, says in said.items() if says]


def _nobody(only: Sequence[str], targets: Mapping[str, Target]) -> str | None:
    """What is wrong with a list of who alone may answer: it is empty, or names somebody whom the policy does not know.

    In `order` and `ignore` a strange name takes nobody away, so that clients may carry the same lists everywhere.
    """
    if not only:
        return "it is empty, so nobody could answer; name a provider or a target, or leave it out"
    known = {*targets, *(target.provider for target in targets.values())}
    strange = next((name for name in only if name not in known), None)
    return None if strange is None else f"there is no such provider or target: {strange}"


def _not_here(name: str, route: Route) -> str:
    allowed = ", ".join(route.callers_may) or "nothing"
    return f"provider.{name}: the route {route.name} does not let callers choose this; of provider it takes {allowed}"
