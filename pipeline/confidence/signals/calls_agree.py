"""How far the calls of two answers to one request agree; where they differ, whose values the request holds. Pure.

Quotation marks, the order of arguments and of calls, case and blanks are no difference.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline.confidence.signals.calls import Source

__all__ = ["OPINION_NAMES", "calls_agree", "same_calls"]

Call = tuple[str, Mapping[str, Any]]

OPINION_NAMES: Final = (
    "opinion_same", "opinion_tools", "opinion_count", "opinion_values", "opinion_ours_only", "opinion_theirs_only",
    "opinion_differ", "opinion_ours_grounded", "opinion_theirs_grounded", "opinion_better_grounded", "opinion_fewer",
    "opinion_loose", "opinion_made",
)  # fmt: skip


def same_calls(ours: Sequence[Call], theirs: Sequence[Call]) -> bool:
    """Whether both are the same calls."""
    return bool(ours) and sorted(map(_canonical, ours)) == sorted(map(_canonical, theirs))


def calls_agree(question: str, ours: Sequence[Call], theirs: Sequence[Call]) -> dict[str, float | None]:
    """How far `ours` and `theirs` agree, and how well each is grounded in `question` where they do not."""
    found: dict[str, float | None] = dict.fromkeys(OPINION_NAMES)
    found |= {"opinion_made": float(bool(theirs)), "opinion_same": float(same_calls(ours, theirs))}
    if not ours or not theirs:
        return found
    source = Source(question)
    pairs = _paired(ours, theirs)
    names = [name for name, _ in ours], [name for name, _ in theirs]
    alike = sum(min(names[0].count(name), names[1].count(name)) for name in set(names[0]))
    found |= {
        "opinion_tools": alike / max(len(ours), len(theirs)),
        "opinion_count": min(len(ours), len(theirs)) / max(len(ours), len(theirs)),
        "opinion_fewer": 0.5 if len(ours) == len(theirs) else float(len(ours) < len(theirs)),
    }
    if pairs:
        found |= _values(source, pairs)
    return found


def _values(source: Source, pairs: list[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, float | None]:
    same = differ = ours_only = theirs_only = loose = 0
    ours_held: list[float] = []
    theirs_held: list[float] = []
    for ours, theirs in pairs:
        for name in ours.keys() | theirs.keys():
            if name not in theirs:
                ours_only += 1
                ours_held.append(source.holds(ours[name]))
            elif name not in ours:
                theirs_only += 1
                theirs_held.append(source.holds(theirs[name]))
            elif _normal(ours[name]) == _normal(theirs[name]):
                same += 1
            else:
                differ += 1
                loose += _loosely(ours[name], theirs[name])
                ours_held.append(source.holds(ours[name]))
                theirs_held.append(source.holds(theirs[name]))
    every = same + differ + ours_only + theirs_only
    mine = min(ours_held, default=None)
    other = min(theirs_held, default=None)
    return {
        "opinion_values": same / every if every else 1.0,
        "opinion_differ": 1 / (1 + differ),
        "opinion_ours_only": 1 / (1 + ours_only),
        "opinion_theirs_only": 1 / (1 + theirs_only),
        "opinion_loose": loose / differ if differ else None,
        "opinion_ours_grounded": mine,
        "opinion_theirs_grounded": other,
        "opinion_better_grounded": None if mine is None or other is None else 0.5 + (mine - other) / 2,
    }


def _paired(ours: Sequence[Call], theirs: Sequence[Call]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Calls of the same tool side by side, those that have the most in common first."""
    left = list(theirs)
    pairs = []
    for name, given in ours:
        alike = [each for each in left if each[0] == name]
        if alike:
            best = max(alike, key=lambda each: sum(_normal(given.get(k)) == _normal(v) for k, v in each[1].items()))
            left.remove(best)
            pairs.append((given, best[1]))
    return pairs


def _canonical(call: Call) -> str:
    return f"{call[0]}({_normal(call[1])!r})"


def _normal(value: Any) -> Any:
    """A value in the form in which it is compared."""
    if isinstance(value, bool) or value is None:
        return ("constant", value)
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        return " ".join(value.lower().split())
    if isinstance(value, Mapping):
        return tuple(sorted((str(name), repr(_normal(each))) for name, each in value.items()))
    return tuple(_normal(each) for each in value)


def _loosely(one: Any, other: Any) -> bool:
    """Whether one text stands in the other."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    short, long = sorted((_normal(one), _normal(other)), key=len)
    return bool(short) and short in long
