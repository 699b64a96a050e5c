"""Whether answers to the same question agree. Pure.

Two documents agree by their share of equal fields, each in a normal form. Answers that come to a number or a letter
agree where that is the same. Of other text it is how alike the words are, alone and in pairs. The first answer is the
one in question: what counts is how far the others support it, not how far they support each other.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import orjson

from pipeline.confidence.certainty import fenced
from pipeline.contracts import Json

__all__ = ["agreement", "agrees", "final_answer"]

LONGEST: Final = 8_000
"""Characters of an answer that are compared."""
_MOST: Final = 512
_SHORT: Final = 48
_NUMBER: Final = re.compile(r"-?[$€£]?\d[\d,]*(?:\.\d+)?|-?\.\d+")
_MARKED: Final = (
    re.compile(r"####\s*([^\n]+)"),
    re.compile(r"\\boxed\{([^{}]*)\}"),
    re.compile(
        r"\b(?:answer|antwort|respuesta|réponse)\b\s*(?:is|ist|es|est|:|=)*\s*:?\s*\**\s*"
        r"(\(?[A-Za-z]\)?(?![\w'’])|[^\n]*?\d[^\n]*)",
        re.IGNORECASE,
    ),
)
_LETTER: Final = re.compile(r"\s*\**\(?([A-Za-z])\)?[.:)]?\**\s*")
_LEADING: Final = re.compile(r"\s*\**\(?([A-Z])[).:]\**\s")
_WORD: Final = re.compile(r"\w+")


def agreement(texts: Sequence[str]) -> float | None:
    """How far the other texts support the first one, from 0 to 1; None: there is no other."""
    if len(texts) < 2:
        return None
    return sum(agrees(texts[0], other) for other in texts[1:]) / (len(texts) - 1)


def agrees(one: str, other: str) -> float:
    """How far two answers agree, from 0 to 1."""
    one, other = one[:LONGEST].strip(), other[:LONGEST].strip()
    if one == other:
        return 1.0
    if not one or not other:
        return 0.0
    first, second = _document(one), _document(other)
    if first is not None and second is not None:
        return _fields_agree(first, second)
    ours, theirs = final_answer(one), final_answer(other)
    if ours is not None or theirs is not None:
        return float(ours is not None and ours == theirs)
    return _alike(one, other)


def final_answer(text: str) -> str | None:
    """The number or letter that the text comes to, in a normal form; None: it comes to none.

    The last of what it marks as its answer (`####`, a box, "the answer is"), a text that is but a letter or begins with
    one, and otherwise its last number, where it has sums or is short.
    """
    for pattern in _MARKED:
        marked = pattern.findall(text)
        if marked and (found := _normal(marked[-1])) is not None:
            return found
    letter = _LETTER.fullmatch(text) or _LEADING.match(text)
    if letter is not None:
        return letter.group(1).upper()
    if "=" not in text and len(text) > _SHORT:
        return None
    numbers = _NUMBER.findall(text)
    return _normal(numbers[-1]) if numbers else None


def _normal(text: str) -> str | None:
    letter = _LETTER.fullmatch(text)
    if letter is not None:
        return letter.group(1).upper()
    numbers = _NUMBER.findall(text)
    if not numbers:
        return None
    value = float(re.sub(r"[^\d.\-]", "", numbers[-1]))
    return f"{value:.10g}"


# ------------------------------------------------------------ documents


def _document(text: str) -> Json:
    inner = fenced(text)
    body = text if inner is None else text[slice(*inner)]
    if body[:1] not in ("{", "["):
        return None
    try:
        document: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return document


def _fields_agree(one: Json, other: Json) -> float:
    first, second = dict(_fields(one)), dict(_fields(other))
    names = first.keys() | second.keys()
    return sum(name in first and first[name] == second.get(name) for name in names) / len(names) if names else 1.0


def _fields(document: Json) -> Iterator[tuple[str, str]]:
    """Every value of a document by its path, up to a bound."""
    waiting: list[tuple[str, Json]] = [("", document)]
    for _ in range(_MOST):
        if not waiting:
            return
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting.extend((f"{path}/{name}", part) for name, part in value.items())
        elif isinstance(value, list) and value:
            waiting.extend((f"{path}/{place}", part) for place, part in enumerate(value))
        else:
            yield path, _plain(value)


def _plain(value: Json) -> str:
    """A value in a form that does not tell 5 from 5.0, nor one way of writing a word from another."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return f"{float(value):.10g}"
    return " ".join(str(value).casefold().split()).strip(".,;:!? ")


# ------------------------------------------------------------ words


def _alike(one: str, other: str) -> float:
    """How alike the words are: the mean of the shares of words, and of pairs of them, that both have (Dice)."""
    first, second = _WORD.findall(one.casefold()), _WORD.findall(other.casefold())
    words = _dice(first, second)
    if len(first) < 2 or len(second) < 2:
        return words
    pairs = _dice(list(pairwise(first)), list(pairwise(second)))
    return (words + pairs) / 2


def _dice(first: Sequence[object], second: Sequence[object]) -> float:
    if not first or not second:
        return 0.0
    both = Counter(first) & Counter(second)
    return 2 * both.total() / (len(first) + len(second))
