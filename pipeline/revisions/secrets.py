"""Keys in the files of a policy and in the reasons for a change, found by the detectors that look at requests."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from pipeline.adapters.pii.detectors import DETECTORS
from pipeline.adapters.pii.patterns import PatternScanner
from pipeline.adapters.pii.spans import Span
from pipeline.policy.keys import HIDDEN
from pipeline.policy.problems import Place, Problem
from pipeline.policy.text import MAX_BYTES

__all__ = ["holds_a_key", "keys_in", "without_keys"]

_KIND: Final = "SECRET"
_SURE: Final = 0.5
_SAID: Final = "this looks like a key, and a key does not belong into a file; write ${NAME} and set NAME where it runs"


def keys_in(files: Mapping[str, bytes], name: str = "") -> Iterator[Problem]:
    """A problem for every key in a text of the set: values, prompts and comments. It never repeats the key."""
    for path, body in sorted(files.items()):
        text = _text(body)
        for start in _found(text):
            before = text[:start]
            place = Place(before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
            yield Problem(f"{name}/{path}" if name else path, place, "", _SAID)


def holds_a_key(text: str) -> bool:
    """Whether something in it looks like a key."""
    return bool(_found(text))


def without_keys(text: str) -> str:
    """The text with every key hidden, to be shown."""
    for span in reversed(_spans(text)):
        text = f"{text[: span.start]}{HIDDEN}{text[span.end :]}"
    return text


def _found(text: str) -> list[int]:
    return [span.start for span in _spans(text)]


def _spans(text: str) -> list[Span]:
    return [span for span in _scanner().scan_text(text) if span.type == _KIND and span.score >= _SURE]


@cache
def _scanner() -> PatternScanner:
    return PatternScanner([detector for detector in DETECTORS if _KIND in detector.types])


def _text(body: bytes) -> str:
    """Larger files are tokenizers and models, whose words are nobody's."""
    return body.decode("utf-8", "replace") if len(body) <= MAX_BYTES else ""
