"""Keeps the books of a translation: what became of every value, so that none is dropped silently.

A translator takes values by way of `Value`. Each ends as translated (with the place in the policy it went to) or as
told; what nobody took is told as left, so that nothing depends on a translator being complete.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from pipeline.contracts import Json
from pipeline.migrate.credentials import was_credential
from pipeline.migrate.hints import hint_for, is_known
from pipeline.migrate.reading import Source
from pipeline.policy.problems import Path, dotted

__all__ = ["Account", "Told", "Value", "kind_of"]

Kind = Literal["left", "changed", "assumed"]
_ORDER: Final[dict[Kind, int]] = {"left": 0, "changed": 1, "assumed": 2}


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that the owner should know of a translation.

    Attributes:
        kind: `left` was not translated, `changed` means or is called something else now, `assumed` stands in the policy
            although the source does not say it.
        path: the way to it in the source, or in the policy for what is assumed.
        line: its line in the source.
        value: what kind of value it is, never the value.
        why: why it is so.
        todo: what to do about it.
    """

    kind: Kind
    path: str
    line: int | None
    value: str
    why: str
    todo: str = ""


@dataclass(slots=True)
class Account:
    """The books of one translation: `translated` says of a value to which places in the policy it went."""

    source: Source
    translated: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    _left: set[Path] = field(default_factory=set)

    def root(self) -> "Value":
        """The whole source."""
        return Value(self, (), self.source.data)

    def became(self, path: Path, place: str) -> None:
        """The value went to this place of the policy."""
        self.translated[path] = (*self.translated.get(path, ()), place)

    def left(self, path: Path, value: Json, why: str, todo: str) -> None:
        """The value and all below it were not translated."""
        if path not in self._left:
            self._left.add(path)
            self.told.append(self._entry("left", path, value, why, todo))

    def changed(self, path: Path, value: Json, why: str, todo: str = "") -> None:
        """The value was translated, but not into the same thing."""
        entry = self._entry("changed", path, value, why, todo)
        if entry not in self.told:
            self.told.append(entry)

    def assumed(self, place: str, why: str, todo: str, path: Path = ()) -> None:
        """The policy says something at `place` that the source does not say."""
        line = self.source.line(path) if path else None
        self.told.append(Told("assumed", place, line, "", why, todo))

    def covered(self, path: Path) -> bool:
        """Whether a value was translated or told as left."""
        return path in self.translated or any(path[:size] in self._left for size in range(len(path) + 1))

    def close(self) -> tuple[Told, ...]:
        """Tell what nobody took, and hand out all that is told: what was left first, in the order of the source."""
        for path, value in self._untouched(self.source.data, ()):
            why, todo = hint_for(path)
            self.left(path, value, why, todo)
        self._twice()
        self._credentials()
        return tuple(sorted(self.told, key=lambda one: (_ORDER[one.kind], one.line or 0, one.path)))

    def _twice(self) -> None:
        """The first of two values under one key is in nobody's books: readers see the last one only."""
        for path, lost, kept in self.source.twice:
            why = f"the key stands again in line {kept}, and the last one counts"
            self.told.append(Told("left", dotted(path), lost, "value", why, "keep one of them"))

    def _credentials(self) -> None:
        """What went into the policy without the credential that stood in it."""
        said = {one.path for one in self.told if one.kind == "changed"}
        for path in self.source.credentials:
            if any(path[:size] in self._left for size in range(len(path) + 1)) or dotted(path) in said:
                continue
            name = path[-1] if path else ""
            where = "its key looks like a credential" if was_credential(str(name)) else "it looks like a credential"
            why = f"{where}: it was taken out, and the name of a variable stands in its place"
            self.changed(path, None, why, "write what is meant; make the credential invalid if others may have read it")

    def _entry(self, kind: Kind, path: Path, value: Json, why: str, todo: str) -> Told:
        return Told(kind, dotted(path) or "(the whole file)", self.source.line(path), kind_of(value), why, todo)

    def _untouched(self, value: Json, path: Path) -> list[tuple[Path, Json]]:
        """The topmost values of which no part was taken; a list of leaves where a part was."""
        if path in self._left:
            return []
        items = _items(value)
        if not items:
            return [] if path in self.translated else [(path, value)]
        below = [self._untouched(item, (*path, name)) for name, item in items]
        whole = all(found == [((*path, name), item)] for found, (name, item) in zip(below, items, strict=True))
        within = [one for found in below for one in found]
        # A section is told as a whole, unless more is known of its parts than of itself.
        as_one = whole and path and (is_known(path) or not any(is_known(inner) for inner, _ in within))
        return [(path, value)] if as_one else within


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the source with the way to it."""

    account: Account
    path: Path
    data: Json

    def get(self, *names: str) -> "Value | None":
        """The value under the first of these keys that there is."""
        if isinstance(self.data, dict):
            for name in names:
                if name in self.data:
                    return Value(self.account, (*self.path, name), self.data[name])
        return None

    def items(self) -> Iterator[tuple[str, "Value"]]:
        """The values of a mapping with their keys; nothing of anything else."""
        if isinstance(self.data, dict):
            for name, value in self.data.items():
                yield name, Value(self.account, (*self.path, name), value)

    def each(self) -> Iterator["Value"]:
        """The values of a list; nothing of anything else."""
        if isinstance(self.data, list):
            for at, value in enumerate(self.data):
                yield Value(self.account, (*self.path, at), value)

    @property
    def line(self) -> int | None:
        """Its line in the source."""
        return self.account.source.line(self.path)

    @property
    def text(self) -> str | None:
        """The value as text, where it is text and not empty."""
        return self.data if isinstance(self.data, str) and self.data else None

    @property
    def number(self) -> float | None:
        """The value as a number, where it is one or a text of one (as `1e-06`, which YAML 1.1 reads as text)."""
        if isinstance(self.data, bool) or not isinstance(self.data, int | float | str):
            return None
        try:
            number = float(self.data)
        except ValueError:
            return None
        return number if abs(number) <= 2**53 else None

    @property
    def whole(self) -> int | None:
        """The value as a whole number."""
        number = self.number
        return int(number) if number is not None and number.is_integer() else None

    @property
    def held_credential(self) -> bool:
        """Whether a credential was taken out of it, or of anything in it."""
        size = len(self.path)
        return any(path[:size] == self.path for path in self.account.source.credentials)

    def number_from(self, least: float, *, whole: bool = False, above: bool = False) -> float | None:
        """The value as a number that is at least `least` (or above it); anything else is told as left."""
        number = self.whole if whole else self.number
        if number is not None and (number > least if above else number >= least):
            return number
        kind, bound = "whole number" if whole else "number", "above" if above else "of at least"
        self.left(f"its value is out of range: it must be a {kind} {bound} {least:g}", "write one that is")
        return None

    def became(self, place: str) -> None:
        """It was translated to this place; with all below it, where it is a list or a mapping."""
        self.account.became(self.path, place)
        for name, item in _items(self.data):
            Value(self.account, (*self.path, name), item).became(place)

    def left(self, why: str | None = None, todo: str = "") -> None:
        """It was not translated; without a reason, the one that is known of such keys."""
        known = hint_for(self.path)
        self.account.left(self.path, self.data, why or known[0], todo or ("" if why else known[1]))

    def changed(self, place: str, why: str, todo: str = "") -> None:
        """It was translated to this place, where it means something else."""
        self.became(place)
        self.account.changed(self.path, self.data, why, todo)


def kind_of(value: Json) -> str:
    """What kind of value it is, in words, without the value."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return f"list of {len(value)}"
    if isinstance(value, dict):
        return f"mapping of {len(value)}"
    return "nothing"


def _items(value: Json) -> list[tuple[str | int, Json]]:
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list):
        return list(enumerate(value))
    return []
