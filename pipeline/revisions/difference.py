"""What another policy would change, part by part: routes, targets, prices, rules, budgets. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal, cast

from pydantic import BaseModel

from pipeline.contracts import Json, JsonObject
from pipeline.policy.models import (
    BudgetsFile,
    ExperimentsFile,
    LimitsFile,
    ModelsFile,
    ResidencyFile,
    RoutesFile,
    TenantsFile,
)
from pipeline.policy.validate import AnyFile
from pipeline.revisions.bundle import Bundle, digest_of
from pipeline.revisions.documents import attached, documents

__all__ = ["Detail", "Difference", "differences"]

How = Literal["added", "removed", "changed", "moved"]
Key = tuple[str, str]
"""The kind of a part in words, and its name."""

_HEAD: Final = frozenset({"apiVersion", "kind"})
_UNORDERED: Final = frozenset({"capabilities", "passes"})
_ORDERED: Final = "route"
"""The kind of part whose order decides: the first route that matches takes the request."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One value within a part, by its path such as `tiers[0].variants.small`; None: it is not there."""

    path: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class Difference:
    """One part that is not the same. `moved`: it stands elsewhere in the order in which routes are asked."""

    what: str
    name: str
    how: How
    details: tuple[Detail, ...] = ()


def differences(before: Bundle, after: Bundle) -> list[Difference]:
    """Every part that differs, in the order: targets, variants, routes, rules, budgets, settings, files.

    Comments do not count, nor how parts are spread over files, nor whether a default is written out.

    Raises:
        PolicyInvalid: a file of one of the two breaks its schema.
    """
    old, new = _parts(before), _parts(after)
    found = [*_changed(old, new), *_moved(old, new)]
    kinds = list(dict.fromkeys(what for what, _ in (*_ORDER, *old, *new)))
    return sorted(found, key=lambda difference: kinds.index(difference.what))


_ORDER: Final[tuple[Key, ...]] = tuple(
    (what, "")
    for what in (
        "target", "variant", "route", "residency rule", "residency", "budget", "escalation cap", "rate", "limits",
        "tenant", "experiment", "routes", "file", "examples",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    """A part with its defaults, and what of it is written out."""

    whole: Json
    written: Json


def _parts(bundle: Bundle) -> dict[Key, _Part]:
    parts: dict[Key, _Part] = {}
    for document in documents(bundle).values():
        parts |= dict(_of(document))
    for name, body in attached(bundle).items():
        content: JsonObject = {"bytes": len(body), "sha256": digest_of(body)}
        parts["file", name] = _Part(content, content)
    return parts


def _of(document: AnyFile) -> Iterator[tuple[Key, _Part]]:
    match document:
        case ModelsFile():
            yield from _named("target", document.targets.items())
            yield from _named("variant", document.variants.items())
        case RoutesFile():
            yield from _named("route", ((route.name, route) for route in document.routes))
            yield from _settings("routes", document, {"routes"})
        case ResidencyFile():
            yield from _named("residency rule", ((rule.id, rule) for rule in document.rules))
            yield from _settings("residency", document, {"rules"})
        case LimitsFile():
            yield from _named("rate", ((rate.name, rate) for rate in document.rates))
            yield from _settings("limits", document, {"rates"})
        case BudgetsFile():
            yield from _named("budget", ((budget.name, budget) for budget in document.budgets))
            yield from _named("escalation cap", ((cap.name, cap) for cap in document.escalations))
            yield from _settings("budgets", document, {"budgets", "escalations"})
        case TenantsFile():
            yield from _named("tenant", document.tenants.items())
        case ExperimentsFile():
            yield from _named("experiment", ((experiment.name, experiment) for experiment in document.experiments))


def _named(what: str, parts: Iterable[tuple[str, BaseModel]]) -> Iterator[tuple[Key, _Part]]:
    for name, spec in parts:
        whole, written = spec.model_dump(mode="json"), spec.model_dump(mode="json", exclude_defaults=True)
        yield (what, name), _Part(_sorted(whole), _sorted(written))


def _settings(what: str, document: BaseModel, without: set[str]) -> Iterator[tuple[Key, _Part]]:
    """What a file says beside its list of parts, section by section."""
    written = document.model_dump(mode="json", exclude_defaults=True)
    for section, value in document.model_dump(mode="json", exclude=without | _HEAD).items():
        key = ("examples", what) if section == "examples" else (what, section)
        yield key, _Part(value, written.get(section))


def _sorted(content: JsonObject) -> JsonObject:
    """The same, with lists in order that mean sets."""
    return {key: _in_order(value) if key in _UNORDERED else value for key, value in content.items()}


def _in_order(value: Json) -> Json:
    return sorted(value, key=str) if isinstance(value, list) else value


def _changed(old: Mapping[Key, _Part], new: Mapping[Key, _Part]) -> Iterator[Difference]:
    """A setting that is there in one of the two alone and only by default is the same in both."""
    for key in dict.fromkeys((*new, *old)):
        what, name = key
        if key not in old:
            if new[key].written is not None:
                yield Difference(what, name, "added", tuple(_listed(new[key].written, gone=False)))
        elif key not in new:
            if old[key].written is not None:
                yield Difference(what, name, "removed", tuple(_listed(old[key].written, gone=True)))
        elif details := tuple(_details("", old[key].whole, new[key].whole)):
            yield Difference(what, name, "changed", details)


def _listed(content: Json, *, gone: bool) -> Iterator[Detail]:
    """What was written of a part that is new or gone, key by key. Its name is said already."""
    entries = content.items() if isinstance(content, dict) else [("", content)]
    for key, value in entries:
        if key not in ("name", "id"):
            yield Detail(key, value if gone else None, None if gone else value)


def _details(path: str, before: Json, after: Json) -> Iterator[Detail]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _details(f"{path}.{key}" if path else key, before.get(key), after.get(key))
    elif _alike(before) and _alike(after) and len(cast("Sequence[Json]", before)) == len(cast("Sequence[Json]", after)):
        pairs = zip(cast("Sequence[Json]", before), cast("Sequence[Json]", after), strict=True)
        for index, (one, other) in enumerate(pairs):
            yield from _details(f"{path}[{index}]", one, other)
    else:
        yield Detail(path, before, after)


def _alike(value: Json) -> bool:
    """Whether this is a list of mappings, which are compared one by one."""
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _moved(old: Mapping[Key, _Part], new: Mapping[Key, _Part]) -> Iterator[Difference]:
    """Routes that others have overtaken: as few as explain the new order."""
    was, now = _places(old), _places(new)
    before = [name for name in was if name in now]
    after = [name for name in now if name in was]
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    stayed = {name for block in blocks for name in after[block.b : block.b + block.size]}
    for name in after:
        if name not in stayed:
            yield Difference(_ORDERED, name, "moved", (Detail("place", was[name], now[name]),))


def _places(parts: Mapping[Key, _Part]) -> dict[str, int]:
    """The place of each route among all, from 1."""
    names = [name for what, name in parts if what == _ORDERED]
    return {name: place for place, name in enumerate(names, 1)}
