"""What an attempt brought: the document, its state, the confidence and the other signals."""

from collections.abc import Mapping
from typing import Final

from pipeline.adapters.documents import problems
from pipeline.contracts import Attempt, JsonObject
from pipeline.confidence.certainty import certainty
from stages.check.decide import Findings
from pipeline.confidence.signals.wording import declines, hedges
from stages.check.reading import Reading, read

__all__ = ["LARGEST_DOCUMENT", "assess"]

LARGEST_DOCUMENT: Final = 1_048_576
"""Characters of a document that is held against a schema."""


def assess(attempt: Attempt, schema: JsonObject | None) -> Findings:
    """Look at `attempt`, whose answer should satisfy `schema` where there is one.

    A call of a tool is an answer of its own kind: the response schema does not apply to it.

    Raises:
        InvalidRequest: `schema` cannot be used.
    """
    text = attempt.text or ""
    cut_off = attempt.finish_reason == "length"
    held = schema is not None and not attempt.tool_calls
    sure = certainty(text, attempt.tokens, document=held or text.lstrip()[:1] in ("{", "["))
    signals = {**sure.signals, **_shape(text, cut_off=cut_off)}
    if schema is None or not held:
        empty = not text.strip() and not attempt.tool_calls
        return Findings(confidence=sure.confidence, signals=signals, empty=empty)
    return _held(text, schema, sure.confidence, signals, cut_off=cut_off)


def _shape(text: str, *, cut_off: bool) -> Mapping[str, float | None]:
    return {
        "characters": float(len(text)),
        "cut_off": float(cut_off),
        "declines": float(declines(text)),
        "hedges": float(hedges(text)),
    }


def _held(
    text: str, schema: JsonObject, confidence: float | None, signals: Mapping[str, float | None], *, cut_off: bool
) -> Findings:
    """Hold the document in `text` against `schema`."""
    if len(text) > LARGEST_DOCUMENT:
        return Findings("invalid", problems=("too large",), confidence=confidence, signals=signals)
    reading = read(text, cut_off=cut_off)
    found = problems(schema, reading.document) if reading.found else ("cut off" if cut_off else "no JSON",)
    if found and not reading.found:
        reading, found = _bare(text, schema, found)
    if found:
        return Findings("invalid", repairs=reading.repairs, problems=found, confidence=confidence, signals=signals)
    return Findings(
        "repaired" if reading.repairs else "valid",
        content=reading.content,
        parsed=reading.document,
        repairs=reading.repairs,
        confidence=confidence,
        signals=signals,
    )


def _bare(text: str, schema: JsonObject, found: tuple[str, ...]) -> tuple[Reading, tuple[str, ...]]:
    """A schema for a string (a label, for instance) may be answered by the bare word."""
    word = text.strip()
    if not word or problems(schema, word):
        return Reading(found=False), found
    return Reading(True, word, word, ("bare text taken as a string",)), ()
