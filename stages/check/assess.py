"""What an attempt brought: the document, its state, the confidence and the other signals."""

from collections.abc import Sequence

from pipeline.confidence.signals import Seen, signals_of
from pipeline.contracts import Attempt, JsonObject
from stages.check.calls import HeldCalls, hold_calls
from stages.check.findings import Findings
from stages.check.gather import Around
from stages.check.held import LARGEST_DOCUMENT, Held, hold

__all__ = ["LARGEST_DOCUMENT", "assess"]

_NOTHING = Around()


def assess(
    attempt: Attempt,
    schema: JsonObject | None,
    around: Around = _NOTHING,
    tools: Sequence[JsonObject] | None = None,
    choice: str | JsonObject | None = None,
) -> Findings:
    """Look at `attempt`, whose answer should satisfy `schema` where there is one.

    A call of a tool is an answer of its own kind: the response schema does not apply to it, but that of the tool does.

    Args:
        attempt: the answer.
        schema: what its document should satisfy.
        around: what is known beside it.
        tools: that the request offers.
        choice: which of them have to be called.

    Raises:
        InvalidRequest: `schema` cannot be used.
    """
    text = attempt.text or ""
    cut_off = attempt.finish_reason == "length"
    if tools and (attempt.tool_calls or choice == "required" or isinstance(choice, dict)):
        return _of_calls(attempt, hold_calls(attempt.tool_calls or (), tools, choice, cut_off=cut_off), around)
    if schema is None or attempt.tool_calls:
        signals = signals_of(_seen(attempt, None, around, None))
        sure, empty = signals.get("token_mean"), not text.strip() and not attempt.tool_calls
        return Findings(confidence=sure, signals=signals, empty=empty, agrees=around.agrees)
    held = hold(text, schema, cut_off=cut_off)
    signals = signals_of(_seen(attempt, schema, around, held))
    return Findings(
        held.state,
        content=held.content,
        parsed=held.parsed,
        repairs=held.repairs,
        problems=held.problems,
        confidence=signals.get("token_mean"),
        signals=signals,
        agrees=around.agrees,
    )


def _of_calls(attempt: Attempt, held: HeldCalls, around: Around) -> Findings:
    seen = _seen(attempt, None, around, None)
    signals = signals_of(seen) | {"schema_ok": _STATES[held.state]}
    return Findings(
        held.state,
        repairs=held.repairs,
        problems=held.problems,
        tool_calls=held.calls,
        confidence=signals.get("token_mean"),
        signals=signals,
        agrees=around.agrees,
    )


_STATES = {"none": None, "valid": 1.0, "repaired": 0.5, "invalid": 0.0}


def _seen(attempt: Attempt, schema: JsonObject | None, around: Around, held: Held | None) -> Seen:
    return Seen(
        text=attempt.text or "",
        question=around.question,
        document=held.parsed if held is not None else None,
        has_document=held is not None and held.state in ("valid", "repaired"),
        schema=schema,
        schema_state=held.state if held is not None else "none",
        repairs=held.repairs if held is not None else (),
        problems=held.problems if held is not None else (),
        tokens=attempt.tokens,
        finish_reason=attempt.finish_reason,
        tool_calls=attempt.tool_calls or (),
        samples=around.samples,
        opinions=around.opinions,
        verified=around.verified,
        judged=around.judged,
        usual=around.usual,
        prior=around.prior,
    )
