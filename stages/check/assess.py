"""What an attempt brought: the document, its state, the confidence and the other signals."""

from collections.abc import Iterator, Sequence
from typing import Final

import orjson

from pipeline.confidence.reasoned import of_answer
from pipeline.confidence.signals import Seen, kept, signals_of
from pipeline.confidence.signals.calls import NAMES as OF_CALLS
from pipeline.confidence.signals.calls import calls_signals
from pipeline.contracts import Attempt, JsonObject, ToolCall
from stages.check.calls import HeldCalls, hold_calls
from stages.check.findings import Findings
from stages.check.gather import Around
from stages.check.held import LARGEST_DOCUMENT, Held, hold
from stages.check.thinking import CLOSES, parted

__all__ = ["LARGEST_CALL", "LARGEST_DOCUMENT", "assess"]

LARGEST_CALL: Final = 65_536
"""Characters of the arguments of a call whose values are looked at."""
_NOTHING: Final = Around()


def assess(
    attempt: Attempt,
    schema: JsonObject | None,
    around: Around = _NOTHING,
    tools: Sequence[JsonObject] | None = None,
    choice: str | JsonObject | None = None,
    *,
    alone: bool = False,
) -> Findings:
    """Look at `attempt`, whose answer should satisfy `schema` where there is one.

    A call of a tool is an answer of its own kind: the response schema does not apply to it, but that of the tool does.

    Args:
        attempt: the answer.
        schema: what its document should satisfy.
        around: what is known beside it.
        tools: that the request offers.
        choice: which of them have to be called.
        alone: they may be called one at a time.

    Raises:
        InvalidRequest: `schema` cannot be used.
    """
    text = attempt.text or ""
    cut_off = attempt.finish_reason == "length"
    if tools and (attempt.tool_calls or choice == "required" or isinstance(choice, dict)):
        held_calls = hold_calls(attempt.tool_calls or (), tools, choice, cut_off=cut_off, alone=alone)
        return _of_calls(attempt, held_calls, around, tools)
    if schema is None or attempt.tool_calls:
        signals = signals_of(_seen(attempt, None, around, None))
        sure, empty = signals.get("token_mean"), not attempt.tool_calls and not _said(text)
        return Findings(confidence=sure, signals=signals, empty=empty, agrees=around.agrees)
    held = hold(text, schema, cut_off=cut_off)
    signals = signals_of(_seen(_answering(attempt), schema, around, held))
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


def _said(text: str) -> str:
    """What is said in `text`; reasoning that has an end, and nothing after it, says nothing."""
    thought, answer = parted(text)
    return (answer if thought.endswith(CLOSES) else text).strip()


def _answering(attempt: Attempt) -> Attempt:
    """The attempt without reasoning before its document, so that its signals are those of the document."""
    thought, answer = parted(attempt.text or "")
    if not thought:
        return attempt
    scored = of_answer(attempt.tokens, thought, answer) if attempt.tokens else ()
    return attempt.model_copy(update={"text": answer, "tokens": tuple(scored) or None})


def _of_calls(attempt: Attempt, held: HeldCalls, around: Around, tools: Sequence[JsonObject]) -> Findings:
    made = list(_made(held.calls or attempt.tool_calls or ()))
    signals = {
        **signals_of(_seen(attempt, None, around, None)),
        **kept(OF_CALLS, calls_signals, around.question, tools, made, state=held.state),
        "schema_ok": _STATES[held.state],
    }
    return Findings(
        held.state,
        repairs=held.repairs,
        problems=held.problems,
        tool_calls=held.calls,
        confidence=signals.get("token_mean"),
        signals=signals,
        agrees=around.agrees,
    )


def _made(calls: Sequence[ToolCall]) -> Iterator[tuple[str, JsonObject]]:
    """Names and arguments, as far as they can be read."""
    for call in calls:
        said = call.function.get("arguments")
        try:
            arguments = orjson.loads(said) if isinstance(said, str) and len(said) <= LARGEST_CALL else {}
        except orjson.JSONDecodeError:
            arguments = {}
        yield str(call.function.get("name")), arguments if isinstance(arguments, dict) else {}


_STATES: Final = {"none": None, "valid": 1.0, "repaired": 0.5, "invalid": 0.0}


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
        difficulty=around.difficulty,
        neighbours=around.neighbours,
    )
