"""What conditions can see: the facts of a request as `req.*`, and those of a target as `target.*`.

Every fact is declared here with its type and is always present, so a misspelt name is found when the file is loaded
and never goes unnoticed beside an `||` that decides without it. Facts come from a request, from its recorded signals,
or from an example in a file; each is worked out when a condition looks at it, and not before.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final, Literal

from pipeline.contracts import Classification, Request, Signals
from pipeline.policy.kinds import CONTACTS
from pipeline.policy.models import Given, Target
from pipeline.signals.asked import Asked

__all__ = [
    "REQUEST_FACTS",
    "TARGET_FACTS",
    "UNKNOWN",
    "UNSTABLE",
    "FactType",
    "RequestFacts",
    "facts_of_example",
    "facts_of_signals",
    "identifiable",
    "request_facts",
    "target_facts",
]

FactType = Literal[
    "text", "text or null", "boolean", "integer", "integer or null", "number", "number or null", "list", "map"
]

REQUEST_FACTS: Final[Mapping[str, FactType]] = MappingProxyType(
    {
        "req.tenant": "text",
        "req.user_tier": "text or null",
        "req.task": "text or null",
        "req.language": "text or null",
        "req.embeds": "boolean",
        "req.has_schema": "boolean",
        "req.has_tools": "boolean",
        "req.has_images": "boolean",
        "req.has_system": "boolean",
        "req.has_tool_results": "boolean",
        "req.has_session": "boolean",
        "req.modalities": "list",
        "req.message_count": "integer",
        "req.turns": "integer",
        "req.characters": "integer",
        "req.tokens": "integer",
        "req.max_tokens": "integer or null",
        "req.complexity": "number",
        "req.difficulty": "number or null",
        "req.wants_code": "boolean",
        "req.wants_math": "boolean",
        "req.wants_json": "boolean",
        "req.lane": "text",
        "req.origin": "text or null",
        "req.data_class": "text",
        "req.types": "list",
        "req.special": "list",
        "req.scan": "text",
        "req.names_covered": "boolean",
        "req.identifiable": "boolean",
        "req.metadata": "map",
        "req.budget_left": "number",
        "req.deadline_left_ms": "integer",
    }
)
UNSTABLE: Final = frozenset({"req.budget_left", "req.deadline_left_ms", "req.difficulty"})
"""Facts that are another one a moment later, or with another learned score. Routes may look at them. What is decided
again at every call (residency), or must be counted alike by everybody (budgets, rates), may not."""
TARGET_FACTS: Final[Mapping[str, FactType]] = MappingProxyType(
    {
        "target.name": "text",
        "target.provider": "text",
        "target.region": "text",
        "target.jurisdiction": "text",
        "target.external": "boolean",
        "target.zdr": "boolean",
        "target.baa": "boolean",
        "target.pci": "boolean",
        "target.training": "boolean",
    }
)


UNKNOWN: Final = Classification(data_class="restricted", scan="failed", engine="none", names_covered=False)
"""What is known of the content of a request that nobody classified."""


class RequestFacts:
    """The facts of one request, under the names that conditions use.

    `source` is anything that has one attribute for each fact, named like it without `req.`.
    """

    __slots__ = ("_source",)

    def __init__(self, source: object) -> None:
        self._source = source

    @property
    def values(self) -> Mapping[str, object]:
        """All facts as a mapping; a value is worked out when it is looked up."""
        return _Values(self._source)

    def key(self, names: Iterable[str]) -> tuple[object, ...]:
        """The named facts as something hashable: equal keys, equal answers. Give a tuple, which is the quickest."""
        get, metadata = _reader(tuple(names))
        found: tuple[Any, ...] = get(self._source)
        if metadata < 0:
            return found
        return (*found[:metadata], tuple(sorted(found[metadata].items())), *found[metadata + 1 :])

    def some(self, names: Iterable[str]) -> dict[str, object]:
        """The named facts of the request as conditions take them; names that are none of its facts are passed over."""
        source = self._source
        return {name: _plain(_GET[name](source)) for name in names if name in _GET}

    @property
    def embeds(self) -> bool:
        """Whether vectors are asked for, and no answer."""
        return bool(getattr(self._source, "embeds", False))

    def but(self, **changed: object) -> "RequestFacts":
        """The same facts, but for these."""
        return RequestFacts(_Changed(self._source, changed))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RequestFacts) and dict(self.values) == dict(other.values)

    __hash__ = None  # type: ignore[assignment]  # keys are for that


def request_facts(
    request: Request, classification: Classification | None = None, user_tier: str | None = None
) -> RequestFacts:
    """The facts of a request. `task` and `language` are what the caller said in its metadata.

    Without a classification nothing is known about the content, so it counts as restricted and unscanned.
    """
    return RequestFacts(_OfRequest(request, UNKNOWN if classification is None else classification, user_tier))


def facts_of_signals(signals: Signals, budget_left: float = 1.0) -> RequestFacts:
    """The facts of a request of which only the signals are known; the same as its own, as far as they were recorded."""
    source = _OfSignals()
    if budget_left == 1.0:
        source.__dict__ = signals.__dict__  # nobody writes to a source, and to copy sixty fields takes a while
    else:
        source.__dict__.update(signals.__dict__, budget_left=budget_left)
    return RequestFacts(source)


def facts_of_example(given: Given) -> RequestFacts:
    """The facts that an example in a policy file states; what follows from others is filled in where it is left out."""
    stated: dict[str, Any] = {name: getattr(given, name) for name in type(given).model_fields}
    stated["data_class"] = given.data_class or "public"
    if given.identifiable is None:
        stated["identifiable"] = identifiable(given.types)
    if not stated.get("modalities"):
        stated["modalities"] = ("image",) if given.has_images else ()
    return RequestFacts(SimpleNamespace(**stated))


def identifiable(types: Iterable[str]) -> bool:
    """Whether findings of these types say who somebody is: a name together with a contact, an id or an address."""
    found = set(types)
    return "PERSON" in found and not found.isdisjoint(CONTACTS)


def target_facts(name: str, target: Target) -> dict[str, object]:
    """The facts of a target."""
    return {
        "target.name": name,
        "target.provider": target.provider,
        "target.region": target.region,
        "target.jurisdiction": target.jurisdiction,
        "target.external": target.external,
        **{f"target.{name}": promised for name, promised in target.properties},
        "target.training": target.may_train,
    }


# ------------------------------------------------------------ where facts come from

_GET: Final = {name: attrgetter(name.removeprefix("req.")) for name in REQUEST_FACTS}


class _OfRequest(Asked):
    """The facts of a request and of what was found in it; what is asked of the words comes from `Asked`."""

    budget_left = 1.0
    deadline_left_ms = 0
    difficulty = None

    def __init__(self, request: Request, found: Classification, user_tier: str | None) -> None:
        super().__init__(request)
        self.user_tier = user_tier
        self.data_class = found.data_class
        self.special = found.special
        self.scan = found.scan
        self.names_covered = found.names_covered
        types = tuple([finding.type for finding in found.findings]) if found.findings else ()
        self.types: tuple[str, ...] = types
        self.identifiable = bool(types) and identifiable(types)


class _OfSignals:
    """The facts of a request of which the signals are known."""

    budget_left = 1.0


class _Changed:
    """Facts of another source, some of them replaced."""

    def __init__(self, source: object, changed: Mapping[str, object]) -> None:
        self.__dict__.update(changed)
        self._source = source

    def __getattr__(self, name: str) -> object:
        return getattr(self._source, name)


class _Values(Mapping[str, object]):
    __slots__ = ("_source",)

    def __init__(self, source: object) -> None:
        self._source = source

    def __getitem__(self, name: str) -> object:
        return _plain(_GET[name](self._source))

    def __iter__(self) -> Iterator[str]:
        return iter(_GET)

    def __len__(self) -> int:
        return len(_GET)


def _plain(value: object) -> object:
    """A value as conditions take it: their lists are Python lists."""
    return list(value) if isinstance(value, tuple) else value


@lru_cache(maxsize=256)
def _reader(names: tuple[str, ...]) -> tuple[Any, int]:
    """What reads these facts off a source, and the place of the one that is no hashable value, or -1."""
    attributes = [name.removeprefix("req.") for name in names]
    metadata = attributes.index("metadata") if "metadata" in attributes else -1
    if len(attributes) > 1:
        return attrgetter(*attributes), metadata
    one = [_GET[name] for name in names]
    return lambda source: tuple([get(source) for get in one]), metadata
