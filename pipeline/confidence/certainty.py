"""How sure the model was of what it said, from the log-probabilities of the tokens that make up values. Pure.

A key of a JSON document, a bracket or a code fence is certain whether or not the answer is right; averaged in, they
hide the doubt. So only tokens that hold a part of a value count: of a document its strings (without quotes), numbers
and literals; of other text every token with a letter or digit in it, outside of the lines of code fences.

Which token stands where is proven by joining the tokens and finding the text in them. Endpoints may score tokens that
the text lacks (a fence that was stripped), or show a character that was split over two tokens as none. Where the text
is not found, exactly once, all tokens with a letter or digit count, and the signal `aligned` is 0.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pipeline.contracts import TokenLogprob

__all__ = ["Certainty", "Values", "certainty", "fenced", "is_document", "sureness", "values_of"]

_FENCE: Final = "```"
_FENCE_BEGINS: Final = re.compile(r"\s*+```[\w+-]*+[ \t]*+\n?")
_STRING_OR_SCALAR: Final = re.compile(r'"((?:[^"\\]|\\.)*)"?(\s*:)?|[^\s{}\[\]:,"]+', re.DOTALL)
_FENCE_LINE: Final = re.compile(r"^[ \t]*```.*$", re.MULTILINE)
_WORD: Final = re.compile(r"\w")

Span = tuple[int, int]


class Values(NamedTuple):
    """The tokens that make up values, and whether it is proven where they stand."""

    tokens: Sequence[TokenLogprob]
    aligned: bool


@dataclass(frozen=True, slots=True)
class Certainty:
    """The confidence (None without log-probabilities), the scores behind it, and those of the tokens, ascending."""

    confidence: float | None
    signals: Mapping[str, float | None]
    scores: Sequence[float] = ()


def certainty(text: str, tokens: Sequence[TokenLogprob] | None, *, document: bool) -> Certainty:
    """Weigh the tokens of `text`; `document`: it is, or should be, JSON."""
    if not tokens:
        return Certainty(None, {})
    return sureness(values_of(text, tokens, document=document), tokens)


def fenced(text: str) -> Span | None:
    """Where it stands what a code fence around the whole text holds, without blanks at its end; None: there is none."""
    begins = _FENCE_BEGINS.match(text)
    end = len(text.rstrip()) - len(_FENCE)
    if begins is None or begins.end() > end or not text.startswith(_FENCE, end):
        return None
    return begins.end(), max(begins.end(), len(text[:end].rstrip()))


def is_document(text: str) -> bool:
    """Whether the text looks like JSON."""
    return text.lstrip()[:1] in ("{", "[")


def values_of(text: str, tokens: Sequence[TokenLogprob], *, document: bool) -> Values:
    """The tokens of `text` that make up values."""
    offset = _offset(text, "".join([token.token for token in tokens]))
    if offset is None:
        chosen = _words(tokens)
    elif document:
        chosen = _within(tokens, offset, _values(text))
    elif "```" in text:
        chosen = _outside(tokens, offset, [match.span() for match in _FENCE_LINE.finditer(text)])
    else:
        chosen = _words(tokens)
    return Values(chosen, offset is not None)


def sureness(values: Values, tokens: Sequence[TokenLogprob]) -> Certainty:
    """The confidence that follows from the tokens of values; of all `tokens`, where there is no such one."""
    everything = [token.logprob for token in tokens]
    # An exact sum does not depend on the order, and whoever asks for quantiles needs them sorted.
    scores = [token.logprob for token in values.tokens] or everything.copy()
    scores.sort()
    mean = _mean(scores)
    signals = {
        "logprob_mean": mean,
        "logprob_min": scores[0],
        "logprob_mean_all": mean if len(scores) == len(everything) else _mean(everything),
        "value_tokens": float(len(values.tokens)),
        "aligned": float(values.aligned),
    }
    return Certainty(min(1.0, math.exp(mean)), signals, scores)


def _offset(text: str, joined: str) -> int | None:
    """Where `text` begins in the joined tokens (negative: the text has blanks before them); None: unproven."""
    if joined == text:
        return 0
    bare = text.strip()
    if not bare:
        return None
    blanks = len(text) - len(text.lstrip())
    if joined.strip() == bare:
        return len(joined) - len(joined.lstrip()) - blanks
    inner = fenced(joined)
    if inner is not None and joined[slice(*inner)].strip() == bare:
        return joined.index(bare, inner[0]) - blanks
    first = joined.find(bare)
    return first - blanks if first >= 0 and joined.find(bare, first + 1) < 0 else None


def _values(text: str) -> list[Span]:
    """The places of values in JSON text, which may be broken: strings that are no keys, numbers and literals."""
    spans = []
    for match in _STRING_OR_SCALAR.finditer(text):
        inner, key = match.span(1), match.start(2)
        if key < 0:
            span = inner if inner[0] >= 0 else match.span()
            if span[0] < span[1]:
                spans.append(span)
    return spans


def _placed(tokens: Sequence[TokenLogprob], offset: int) -> Iterator[tuple[int, int, TokenLogprob]]:
    start = -offset
    for token in tokens:
        end = start + len(token.token)
        yield start, end, token
        start = end


def _within(tokens: Sequence[TokenLogprob], offset: int, spans: Sequence[Span]) -> list[TokenLogprob]:
    """The tokens that share a character with a span. Both go from left to right."""
    chosen: list[TokenLogprob] = []
    ahead = iter(spans)
    span = next(ahead, None)
    end = -offset
    for token in tokens:
        start, end = end, end + len(token.token)
        while span is not None and span[1] <= start:
            span = next(ahead, None)
        if span is None:
            break
        if span[0] < end and not token.token.isspace():
            chosen.append(token)
    return chosen


def _outside(tokens: Sequence[TokenLogprob], offset: int, fences: Sequence[Span]) -> list[TokenLogprob]:
    """The tokens with a letter or digit that share no character with a line of a fence. Both go from left to right."""
    chosen, which = [], 0
    for start, end, token in _placed(tokens, offset):
        while which < len(fences) and fences[which][1] <= start:
            which += 1
        if _WORD.search(token.token) and not (which < len(fences) and fences[which][0] < end):
            chosen.append(token)
    return chosen


def _words(tokens: Sequence[TokenLogprob]) -> list[TokenLogprob]:
    """Most tokens end in a letter or digit, which is seen sooner than a pattern is tried."""
    has_word = _WORD.search
    return [token for token in tokens if token.token[-1:].isalnum() or has_word(token.token)]


def _mean(scores: Sequence[float]) -> float:
    return math.fsum(scores) / len(scores)
