"""What an endpoint answered, whole or piece by piece, as a completion. Pure.

Endpoints differ in what they leave out, so nothing but the shape that we need is asked for; what does not have it
raises `MalformedAnswer`, whose text never holds a word of the answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, Final

import orjson

from pipeline.adapters.models.reasoning import Reasoning, reasoning_in
from pipeline.adapters.models.usage import merged, read_usage
from pipeline.confidence.reasoned import of_answer
from pipeline.contracts import Alternative, TokenLogprob, ToolCall, Usage
from pipeline.contracts.trusted import trusted_rows
from pipeline.policy.models import Price
from pipeline.policy.pricing import estimated_tokens
from pipeline.ports import Completion

__all__ = ["Collected", "MalformedAnswer", "whole"]

_LONGEST_ID: Final = 256
_MOST_ALTERNATIVES: Final = 8
_NUMBERS: Final = (int, float)


class MalformedAnswer(Exception):
    """The endpoint answered something that is no chat completion. The text says what was wrong with it."""


def whole(payload: bytes, model: str, price: Price | None = None, **more: Any) -> "Collected":
    """Read the body of a plain answer. `model` is the name to record where the endpoint gives none; see `Collected`."""
    collected = Collected(model, price, **more)
    try:
        document = orjson.loads(payload)
        first = document["choices"][0]
        collected.frame(document)
        collected.choice(first, first["message"])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise MalformedAnswer("something that is no chat completion") from None
    return collected


class Collected:
    """An answer in the making. `price` is that of its target and says how its provider counts tokens.

    `alternatives`: so many of the tokens that might have stood at each place are kept for the caller; None: nobody
    asked. `top`: of so many the scores are kept for those who judge the answer, however many came.

    Attributes:
        begun: something was generated already.
    """

    __slots__ = (
        "_alternatives", "_aside", "_calls", "_finish_reason", "_model", "_price", "_reasoning", "_scored", "_texts",
        "_top", "_usage", "begun",
    )  # fmt: skip

    def __init__(
        self,
        model: str,
        price: Price | None = None,
        *,
        alternatives: int | None = None,
        top: int = _MOST_ALTERNATIVES,
    ) -> None:
        self._model = model
        self._top = top
        self._alternatives = alternatives
        self._price = price
        self._texts: list[str] = []
        self._reasoning = Reasoning()
        self._aside = 0
        self._calls: dict[int, dict[str, str]] = {}
        self._scored: list[TokenLogprob] = []
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self.begun = False

    @property
    def ended(self) -> bool:
        """Whether the endpoint said why it stopped."""
        return self._finish_reason is not None

    @property
    def scored(self) -> Sequence[TokenLogprob]:
        """The tokens that were scored so far."""
        return self._scored

    @property
    def calls_tools(self) -> bool:
        """Whether a tool was called so far."""
        return bool(self._calls)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    @property
    def generated(self) -> int:
        """Tokens of the answer: as reported, or else as they were scored, or else by its length."""
        counted = (self._usage.output_tokens if self._usage is not None else 0) or self._aside + len(self._scored)
        return counted or estimated_tokens(sum(map(len, self._texts)) + len(self._reasoning.text))

    def reasoned(self) -> str:
        """The reasoning that came since this was last asked."""
        return self._reasoning.fresh()

    def feed(self, data: bytes) -> str:
        """Take the data of one event and return the text in it.

        Raises:
            MalformedAnswer: it is no chunk of a completion, or an error object.
        """
        try:
            document = orjson.loads(data)
            self.frame(document)
            return "".join([self.choice(choice, choice.get("delta")) for choice in document["choices"]])
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise MalformedAnswer("a piece that is no part of a chat completion") from None

    def frame(self, document: Mapping[str, Any]) -> None:
        """Take what a decoded document of the API says around its choices."""
        if document.get("error"):
            raise MalformedAnswer("an error in place of an answer")
        self._model = _text(document.get("model")) or self._model
        used = document.get("usage")
        if used and isinstance(used, dict):
            self._usage = merged(self._usage, read_usage(used, self._price))

    def choice(self, choice: Mapping[str, Any], said: Mapping[str, Any] | None) -> str:
        """Take a choice with what is `said` in it and return the text of that; of several choices the first counts."""
        if choice.get("index", 0) != 0:
            return ""
        said = said or {}
        self._finish_reason = _text(choice.get("finish_reason")) or self._finish_reason
        text, reasoning = _text(said.get("content") or said.get("refusal")), reasoning_in(said)
        self._take_scores(choice.get("logprobs"), aside=bool(reasoning and not text))
        if said.get("tool_calls"):
            self._take_calls(said["tool_calls"])
        if reasoning:
            self.begun = True
            self._reasoning.add(reasoning)
        if text:
            self.begun = True
            self._texts.append(text)
        return text

    def _take_scores(self, scores: Mapping[str, Any] | None, *, aside: bool) -> None:
        """Keep the scores of the answer; those that come with a piece of reasoning alone are of that."""
        if not scores:
            return
        entries = scores.get("content") or ()
        if aside:
            self._aside += len(entries)
        else:
            self._scored += _scored(entries, self._alternatives, self._top)

    def _take_calls(self, calls: Iterable[Mapping[str, Any]]) -> None:
        self.begun = True
        for position, call in enumerate(calls):
            which = int(call.get("index", position))
            made = self._calls.setdefault(which, {"id": "", "name": "", "arguments": ""})
            function = call.get("function") or {}
            made["id"] = _text(call.get("id"))[:_LONGEST_ID] or made["id"]
            made["name"] += _text(function.get("name"))
            made["arguments"] += _text(function.get("arguments"))

    def completion(self, *, latency_ms: float, first_token_ms: float | None, calls: int) -> Completion:
        """The whole answer."""
        reasoning, text = self._reasoning.text, self.text
        scored = of_answer(self._scored, reasoning, text)
        return Completion(
            model=self._model,
            text=text if self._texts or not self._calls else None,
            finish_reason=self._finish_reason,
            usage=self._usage or Usage(),
            tool_calls=tuple(_call(made) for _, made in sorted(self._calls.items())) or None,
            reasoning=reasoning or None,
            tokens=tuple(scored) or None,
            latency_ms=latency_ms,
            first_token_ms=first_token_ms,
            calls=calls,
            usage_reported=self._usage is not None,
        )


def _scored(entries: Iterable[Mapping[str, Any]], alternatives: int | None, most: int) -> Iterable[TokenLogprob]:
    """The scored tokens; one that has no score is left out, which check notices.

    Raises:
        ValueError: a score is not finite.
    """
    rows: list[dict[str, Any]] = []
    scored: list[Mapping[str, Any]] = []
    for entry in entries:
        score = entry.get("logprob")
        if isinstance(score, _NUMBERS):
            token, top = entry["token"], entry.get("top_logprobs")
            rows.append(
                {
                    "token": token if type(token) is str else _text(token),
                    "logprob": float(score),
                    "top": _alternatives(top[:most]) if most > 1 and isinstance(top, list) and len(top) > 1 else (),
                }
            )
            scored.append(entry)
    if not all(map(isfinite, [row["logprob"] for row in rows])):
        raise ValueError
    tokens = trusted_rows(TokenLogprob, rows)
    if alternatives is None:
        return tokens
    return [_in_full(token, entry, alternatives) for token, entry in zip(tokens, scored, strict=True)]


def _in_full(token: TokenLogprob, entry: Mapping[str, Any], most: int) -> TokenLogprob:
    """The token with its bytes and with what else might have stood there, for a caller who asked for that."""
    top = entry.get("top_logprobs")
    others = tuple(_others(top[:most])) if isinstance(top, list) else ()
    return token.model_copy(update={"raw": _raw(entry, token.token), "alternatives": others})


def _others(top: Iterable[Any]) -> Iterable[Alternative]:
    for each in top:
        score = each.get("logprob") if isinstance(each, dict) else None
        if isinstance(score, int | float) and isfinite(score):
            token = _text(each.get("token"))
            yield Alternative(token=token, logprob=float(score), raw=_raw(each, token))


def _raw(entry: Mapping[str, Any], token: str) -> tuple[int, ...] | None:
    """The bytes that the endpoint gives for a token, where they are not the token in UTF-8."""
    given = entry.get("bytes")
    if not isinstance(given, list) or not all(isinstance(byte, int) and 0 <= byte < 256 for byte in given):
        return None
    return None if bytes(given) == token.encode("utf-8", "surrogatepass") else tuple(given)


def _alternatives(top: Sequence[Any]) -> tuple[float, ...]:
    """The log-probabilities of the likeliest tokens, the best first; a few of them say what there is to say."""
    scores = [each.get("logprob") for each in top[:_MOST_ALTERNATIVES] if isinstance(each, dict)]
    known = [float(score) for score in scores if isinstance(score, int | float) and isfinite(score)]
    return tuple(sorted(known, reverse=True))


def _call(made: Mapping[str, str]) -> ToolCall:
    return ToolCall(id=made["id"] or "call_0", function={"name": made["name"], "arguments": made["arguments"]})


def _text(value: Any) -> str:
    """A text that may be missing. Raises `TypeError` where it is something else."""
    if value is None or isinstance(value, str):
        return value or ""
    raise TypeError
