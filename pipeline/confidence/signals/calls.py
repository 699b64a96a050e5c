"""What calls of tools look like beside the request and the tools it offers: named, grounded, complete, expected. Pure.

For answers that are calls. All are between 0 and 1 or None, higher for what more often is right; the counts of the
request (how many tools and parameters, how deep, how long) are squeezed into that range, and say how hard it is.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

__all__ = ["NAMES", "Source", "calls_signals"]

Call = tuple[str, Mapping[str, Any]]

NAMES: Final = (
    "call_made", "call_repaired", "call_known", "call_named", "call_lead", "call_described", "call_required",
    "call_optional_rare", "call_optional_grounded", "call_defaults", "call_grounded", "call_worst", "call_strings",
    "call_numbers", "call_members", "call_blank", "call_unknown_arguments", "call_formats", "call_numbers_used",
    "call_names_used", "call_quotes_used", "call_count_fits", "call_repeated", "call_one", "call_tools",
    "call_parameters", "call_options", "call_depth", "call_filled", "call_question", "call_schema", "call_answer",
    "call_choices", "call_nulls", "call_truths", "call_longest", "call_parallel_words", "call_units", "call_year",
)  # fmt: skip

_WORD: Final = re.compile(r"[A-Za-z]{2,}|[0-9]+(?:\.[0-9]+)?")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|[_.\-]")
_NUMBER: Final = re.compile(r"(?<![\w.])[0-9][0-9,]*(?:\.[0-9]+)?")
_NAME: Final = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][A-Za-z'’\-]+")
_QUOTED: Final = re.compile(r"[\"“']([^\"”'\n]{2,60})[\"”']")
_PLAIN: Final = re.compile(r"[^0-9a-z]+")
_SEVERAL: Final = re.compile(
    r"\b(?:and(?: also)?|also|then|both|each|respectively|as well as|another|two|three|four|five|plus|additionally)\b"
    r"|;|\?",
    re.IGNORECASE,
)
_EXAMPLE: Final = re.compile(
    r"(?:e\.g\.|such as|for example|like|format(?: of)?|in the form(?:at)?)[:,]?\s*['\"“]?([^'\"”.;)]{2,40})",
    re.IGNORECASE,
)
_YEAR: Final = re.compile(r"\b(?:19|20)[0-9]{2}\b")
_STOP: Final = frozenset({
    "the", "a", "an", "of", "to", "in", "for", "and", "or", "is", "are", "be", "with", "on", "at", "by", "from", "as",
    "that", "this", "it", "which", "if", "not", "can", "will", "should", "into", "what", "me", "my", "i", "you", "your",
    "please", "would", "like", "need", "want", "could", "get", "find",
})  # fmt: skip


def calls_signals(
    question: str, tools: Sequence[Mapping[str, Any]], calls: Sequence[Call], *, state: str = "valid"
) -> dict[str, float | None]:
    """The signals of `calls`, an answer to `question` that offered `tools` (in the shape of the OpenAI API).

    Args:
        question: the words of the request.
        tools: that it offered.
        calls: names and arguments.
        state: how they stand to the schemas of the tools: none, valid, repaired, invalid.
    """
    offered = {str(_function(tool).get("name")): _function(tool) for tool in tools}
    source = Source(question)
    found: dict[str, float | None] = dict.fromkeys(NAMES)
    found |= _request(source, offered)
    found |= {"call_made": float(bool(calls)), "call_repaired": {"valid": 1.0, "repaired": 0.5}.get(state, 0.0)}
    if not calls:
        return found
    found |= _naming(source, offered, calls)
    found |= _arguments(source, offered, calls)
    found |= _used(source, calls)
    found |= _counted(source, calls)
    return found


def _function(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = tool.get("function")
    return inner if isinstance(inner, Mapping) else tool


def _squeezed(count: float, middle: float) -> float:
    """1 for nothing, a half at `middle`, towards 0 for much."""
    return middle / (middle + count)


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


class Source:
    """The words of a request, in the forms in which things are looked for in them."""

    def __init__(self, question: str) -> None:
        self.text = question[:20_000]
        self.lower = self.text.lower()
        self.plain = _plain(self.text)
        self.words = _words(self.text)
        self.numbers = {_number(each) for each in _NUMBER.findall(self.text)}

    def holds(self, value: Any) -> float:
        """How far `value` stands in the request."""
        if isinstance(value, bool) or value is None:
            return 0.5
        if isinstance(value, int | float):
            return self._holds_number(float(value))
        if isinstance(value, str):
            return self._holds_text(value)
        inner = list(value.values()) if isinstance(value, Mapping) else list(value)
        return _mean([self.holds(each) for each in inner]) or 0.0

    def _holds_number(self, value: float) -> float:
        if value in self.numbers or -value in self.numbers:
            return 1.0
        spelled = _SPELLED.get(int(value)) if value.is_integer() and 0 <= value <= 12 else None
        if spelled is not None and any(word in self.words for word in spelled):
            return 0.9
        return 0.6 if any(value in (each * 100, each / 100, each * 1000, each / 1000) for each in self.numbers) else 0.0

    def _holds_text(self, value: str) -> float:
        plain = _plain(value)
        if not plain:
            return 0.3
        if plain in self.plain:
            return 1.0
        words = _words(value)
        return 0.9 * len(words & self.words) / len(words) if words else 0.0


_SPELLED: Final = {
    1: ("one", "once", "single", "a"), 2: ("two", "twice", "couple"), 3: ("three",), 4: ("four",), 5: ("five",),
    6: ("six",), 7: ("seven", "week"), 8: ("eight",), 9: ("nine",), 10: ("ten",), 11: ("eleven",), 12: ("twelve",),
}  # fmt: skip


def _plain(text: str) -> str:
    return _PLAIN.sub(" ", text.lower()).strip()


def _words(text: str) -> frozenset[str]:
    parts = _CAMEL.sub(" ", text)
    return frozenset(_stem(word.lower()) for word in _WORD.findall(parts)) - _STOP


def _stem(word: str) -> str:
    for ending in ("ing", "es", "s", "ed"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            return word[: -len(ending)]
    return word


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return math.nan


def _request(source: Source, offered: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """How hard the request is: what it offers, and how long it is."""
    parameters = [_schema(each) for each in offered.values()]
    named = [_properties(each) for each in parameters]
    options = [len(each) - len(_required(schema)) for each, schema in zip(named, parameters, strict=True)]
    return {
        "call_tools": _squeezed(len(offered) - 1, 3),
        "call_parameters": _squeezed(sum(map(len, named)) / max(1, len(named)), 4),
        "call_options": _squeezed(sum(options) / max(1, len(options)), 3),
        "call_question": _squeezed(len(source.text), 200),
        "call_schema": _squeezed(len(str(parameters)), 2000),
        "call_parallel_words": _squeezed(len(_SEVERAL.findall(source.text)), 2),
        "call_year": float(bool(_YEAR.search(source.text))),
    }


def _schema(function: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = function.get("parameters")
    return schema if isinstance(schema, Mapping) else {}


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    named = schema.get("properties")
    return named if isinstance(named, Mapping) else {}


def _required(schema: Mapping[str, Any]) -> Sequence[str]:
    wanted = schema.get("required")
    return wanted if isinstance(wanted, list | tuple) else ()


def _naming(source: Source, offered: Mapping[str, Mapping[str, Any]], calls: Sequence[Call]) -> dict[str, float | None]:
    """Whether the tools that were called are those the request speaks of."""
    names = {name: _overlap(_words(name), source.words) for name in offered}
    told = {name: _overlap(_words(str(each.get("description", ""))), source.words) for name, each in offered.items()}
    both = {name: names[name] + told[name] for name in offered}
    known = [name for name, _ in calls if name in offered]
    leads = [
        both[name] - max((value for other, value in both.items() if other != name), default=both[name] - 0.5)
        for name in known
    ]
    return {
        "call_known": len(known) / len(calls),
        "call_named": _mean([names[name] for name in known]),
        "call_described": _mean([told[name] for name in known]),
        "call_lead": None if not leads else 0.5 + max(-0.5, min(0.5, min(leads) / 2)),
    }


def _overlap(words: frozenset[str], among: frozenset[str]) -> float:
    return len(words & among) / len(words) if words else 0.0


def _arguments(
    source: Source, offered: Mapping[str, Mapping[str, Any]], calls: Sequence[Call]
) -> dict[str, float | None]:
    """Whether the arguments are there, are known, and come from the request."""
    held: list[float] = []
    strings: list[float] = []
    numbers: list[float] = []
    members: list[float] = []
    formats: list[float] = []
    truths: list[float] = []
    optional: list[float] = []
    defaults: list[float] = []
    required: list[float] = []
    rare: list[float] = []
    filled: list[float] = []
    units: list[float] = []
    unknown = blank = nulls = longest = depth = 0
    for name, given in calls:
        schema = _schema(offered.get(name, {}))
        named, wanted = _properties(schema), _required(schema)
        required += [float(each in given) for each in wanted]
        options = [each for each in given if each in named and each not in wanted]
        rare.append(_squeezed(len(options), 2))
        filled.append(min(1.0, len(given) / max(1, len(named))))
        for argument, value in given.items():
            about = named.get(argument)
            unknown += about is None
            about = about if isinstance(about, Mapping) else {}
            blank += value in ("", [], {})
            nulls += value is None
            depth = max(depth, _depth(value))
            longest = max(longest, len(str(value)))
            there = _grounded(source, about, value)
            if isinstance(value, bool):
                truths.append(_told(source, argument, about))
            elif "enum" in about:
                members.append(max(there, _told(source, str(value), {})))
            else:
                held.append(there)
                if isinstance(value, str):
                    strings.append(there)
                    formats += _formats(about, value)
                elif isinstance(value, int | float):
                    numbers.append(there)
            if "unit" in argument.lower():
                units.append(there)
            if argument in options:
                optional.append(max(there, float(value == about.get("default", object()))))
                defaults.append(float("default" in about and value == about["default"]))
    return {
        "call_required": _mean(required),
        "call_optional_rare": _mean(rare),
        "call_optional_grounded": min(optional, default=1.0),
        "call_defaults": _mean(defaults),
        "call_grounded": _mean(held),
        "call_worst": min(held, default=None),
        "call_strings": _mean(strings),
        "call_numbers": _mean(numbers),
        "call_members": _mean(members),
        "call_truths": _mean(truths),
        "call_formats": _mean(formats),
        "call_units": _mean(units),
        "call_blank": _squeezed(blank, 1),
        "call_nulls": _squeezed(nulls, 1),
        "call_unknown_arguments": _squeezed(unknown, 1),
        "call_depth": _squeezed(depth, 1),
        "call_longest": _squeezed(longest, 40),
        "call_filled": _mean(filled),
    }


def _grounded(source: Source, about: Mapping[str, Any], value: Any) -> float:
    """How far a value stands in the request, or is what the tool takes where nothing is said."""
    if "default" in about and value == about["default"]:
        return 0.8
    return source.holds(value)


def _told(source: Source, name: str, about: Mapping[str, Any]) -> float:
    """How far the words of a parameter stand in the request."""
    return max(_overlap(_words(name), source.words), _overlap(_words(str(about.get("description", ""))), source.words))


def _formats(about: Mapping[str, Any], value: str) -> Iterator[float]:
    """Whether a value looks like the examples that the tool gives for it."""
    told = str(about.get("description", ""))
    found = [_shape(each) for each in _EXAMPLE.findall(told)]
    if found:
        yield float(any(_alike(_shape(value), each) for each in found))


def _shape(text: str) -> str:
    return re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]+", "A", re.sub(r"[0-9]+", "9", text.strip()[:40])))


def _alike(one: str, other: str) -> bool:
    marks = re.compile(r"[aA ]+")
    return marks.sub("", one) == marks.sub("", other)


def _depth(value: Any, level: int = 0) -> int:
    if level > 8:
        return level
    if isinstance(value, Mapping):
        return 1 + max((_depth(each, level + 1) for each in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(each, level + 1) for each in value), default=0)
    return 0


def _used(source: Source, calls: Sequence[Call]) -> dict[str, float | None]:
    """Whether what the request says is used: its numbers, names and quotations."""
    said = str([given for _, given in calls])
    plain, numbers = _plain(said), {_number(each) for each in _NUMBER.findall(said)}
    names = {each for each in _NAME.findall(source.text) if len(each) > 2}
    return {
        "call_numbers_used": _mean([float(each in numbers) for each in source.numbers]),
        "call_names_used": _mean([float(_plain(each) in plain) for each in sorted(names)]),
        "call_quotes_used": _mean([float(_plain(each) in plain) for each in _QUOTED.findall(source.text)]),
        "call_answer": _squeezed(len(said), 200),
    }


def _counted(source: Source, calls: Sequence[Call]) -> dict[str, float | None]:
    """Whether there are as many calls as the request seems to ask for."""
    several = len(_SEVERAL.findall(source.text))
    repeated = len(calls) - len({str(each) for each in calls})
    return {
        "call_one": float(len(calls) == 1),
        "call_count_fits": _squeezed(abs(max(1, several) - len(calls)), 2),
        "call_repeated": _squeezed(repeated, 1),
        "call_choices": _squeezed(len({name for name, _ in calls}) - 1, 1),
    }
