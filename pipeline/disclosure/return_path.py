"""The way back: what a model said, with its own personal data masked and ours put back; whole or streamed.

For each model call:

    back = ReturnPath(pseudonyms.issued, json=True if the request has a response schema else None, redactor=…)
    completion = await client.complete(call, back.sink(live))   # or without a sink
    await back.finish()                                         # the tail that was held back; not after an error
    completion = back.completion(completion)                    # text, reasoning, tool-call arguments, scored tokens
    back.found, back.failed                                     # what was masked, and whether a scan broke

Masking comes first: our tokens are no personal data and must not be found as such, and what is put back is the
caller's own. Joined, what the sink passed on is the text of the completion, and what `aside` passed on its reasoning.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson
from pydantic import JsonValue

from pipeline.contracts import Finding, TokenLogprob, ToolCall
from pipeline.disclosure.redact import Redactor, within_json
from pipeline.disclosure.restore import Edit, Issued, Restorer, edited, edited_tokens
from pipeline.ports import Completion, TokenSink

__all__ = ["ReturnPath"]


class ReturnPath:
    """The way back of one model call.

    Args:
        issued: token -> what stood there (`Pseudonyms.issued`).
        json: the text is JSON, since a response schema asks for it. None: it is when it begins with `{`.
        redactor: masks what the model itself said; None: nobody looks. Any redactor with the settings wanted; a fresh
            one is taken for each text.
    """

    def __init__(
        self, issued: Mapping[str, str], *, json: bool | None = None, redactor: Redactor | None = None
    ) -> None:
        self._issued = Issued(issued)
        self._json = json
        self._redactor = redactor.fresh(self._issued.values) if redactor is not None else None
        self._stream = self._redactor.fresh() if self._redactor is not None else None
        self._aside = _Aside(self._issued, self._redactor)
        self._restorer: Restorer | None = None
        self._head = ""
        self._inner: TokenSink | None = None
        self._wanted = True

    @property
    def found(self) -> tuple[Finding, ...]:
        """Personal data that the model said of its own accord and that was masked in the completion."""
        if self._redactor is None:
            return ()
        counts: Counter[tuple[str, float | None]] = Counter()
        for each in (*self._redactor.found, *self._aside.found):
            counts[each.type, each.score] += each.count
        return tuple(Finding(type=kind, count=count, score=score) for (kind, score), count in counts.items())

    @property
    def failed(self) -> bool:
        """Whether something was masked because a scan broke."""
        return self._aside.failed or any(each.failed for each in (self._redactor, self._stream) if each is not None)

    # ------------------------------------------------------------ streamed

    def sink(self, inner: TokenSink) -> TokenSink:
        """A sink for the model client that passes on to `inner` what can be said by now."""
        self._inner = inner

        async def take(text: str) -> bool:
            await self._aside.close()
            return await self._pass_on(self._said(self._stream.feed(text) if self._stream is not None else text))

        return take

    def aside(self, inner: TokenSink) -> TokenSink:
        """A sink for the reasoning; what is held back of it is passed on before text is."""
        return self._aside.sink(inner)

    async def finish(self) -> bool:
        """Pass on what was held back. False when nobody wants it any more."""
        await self._aside.close()
        rest = self._said(self._stream.end()) if self._stream is not None else ""
        if self._restorer is not None:
            rest += self._restorer.end()
        return await self._pass_on(rest + self._head)

    async def _pass_on(self, text: str) -> bool:
        if self._wanted and text and self._inner is not None:
            self._wanted = await self._inner(text)
        return self._wanted

    def _said(self, text: str) -> str:
        """Restore a piece. Until a character shows what kind of text it is, blanks wait."""
        if self._restorer is None:
            text, self._head = self._head + text, ""
            if self._json is None and not text.strip():
                self._head = text
                return ""
            self._restorer = Restorer(self._issued, json=self._is_json(text))
        return self._restorer.feed(text)

    def _is_json(self, text: str) -> bool:
        return text.lstrip().startswith("{") if self._json is None else self._json

    # ------------------------------------------------------------ whole

    def completion(self, completion: Completion) -> Completion:
        """The answer as its caller may have it.

        What was streamed is read strictly, as the stream was; what was not, tolerantly as well.
        """
        text, tokens, calls = completion.text, completion.tokens, completion.tool_calls
        as_json, tolerant = self._is_json(text or ""), self._inner is None
        return replace(
            completion,
            text=None if text is None else self._whole(text, json=as_json, tolerant=tolerant),
            reasoning=None if completion.reasoning is None else self._aside.completed(completion.reasoning),
            tokens=None if tokens is None else self._tokens(tokens, json=as_json, tolerant=tolerant),
            tool_calls=None if calls is None else tuple(self._call(call) for call in calls),
        )

    def _whole(self, text: str, *, json: bool, tolerant: bool) -> str:
        masked = edited(text, self._masks(text, self._redactor, json=json))
        return Restorer(self._issued, json=json).whole(masked, tolerant=tolerant)

    def _masks(self, text: str, redactor: Redactor | None, *, json: bool) -> Sequence[Edit]:
        """Edits that mask. A streamed text is masked as the stream was, which knows no JSON."""
        if redactor is None:
            return ()
        edits = redactor.edits(text)
        return within_json(text, edits) if json and self._inner is None else edits

    def _tokens(self, tokens: Sequence[TokenLogprob], *, json: bool, tolerant: bool) -> tuple[TokenLogprob, ...]:
        text = "".join(token.token for token in tokens)
        silent = self._redactor.fresh() if self._redactor is not None else None  # the text was counted already
        masked = edited_tokens(tokens, self._masks(text, silent, json=json))
        text = "".join(token.token for token in masked)
        return edited_tokens(masked, Restorer(self._issued, json=json).edits(text, tolerant=tolerant))

    # ------------------------------------------------------------ tool calls

    def _call(self, call: ToolCall) -> ToolCall:
        arguments = call.function.get("arguments")
        if isinstance(arguments, str):
            changed: JsonValue = self._arguments(arguments)
        elif arguments is not None:
            changed = orjson.loads(self._arguments(orjson.dumps(arguments).decode()))
        if arguments is None or changed == arguments:
            return call
        return call.model_copy(update={"function": {**call.function, "arguments": changed}})

    def _arguments(self, text: str) -> str:
        """Arguments as JSON text, or as whatever else the model wrote there.

        JSON stays as it was written, but for what changes: numbers keep their digits, keys their order.
        """
        try:
            document = orjson.loads(text)
        except (orjson.JSONDecodeError, RecursionError):
            document = None
        is_json = isinstance(document, dict | list | str)
        edits = self._redactor.edits(text) if self._redactor is not None else []
        masked = edited(text, within_json(text, edits) if is_json else edits)
        return Restorer(self._issued, json=is_json).whole(masked, tolerant=True)


class _Aside:
    """The way back of the reasoning, which is text, comes before the answer, and may come in several parts."""

    def __init__(self, issued: Issued, redactor: Redactor | None) -> None:
        self._redactor = redactor.fresh() if redactor is not None else None
        self._restorer = Restorer(issued)
        self._said: list[str] = []
        self._inner: TokenSink | None = None
        self._open = False

    @property
    def found(self) -> tuple[Finding, ...]:
        return self._redactor.found if self._redactor is not None else ()

    @property
    def failed(self) -> bool:
        return self._redactor is not None and self._redactor.failed

    def sink(self, inner: TokenSink) -> TokenSink:
        self._inner = inner

        async def take(text: str) -> bool:
            self._open = True
            return await self._pass_on(self._restorer.feed(self._redactor.feed(text) if self._redactor else text))

        return take

    async def close(self) -> None:
        """Pass on what is held back; a part is at its end."""
        if not self._open:
            return
        self._open = False
        rest = self._restorer.feed(self._redactor.end()) if self._redactor is not None else ""
        await self._pass_on(rest + self._restorer.end())

    async def _pass_on(self, text: str) -> bool:
        if not text or self._inner is None:
            return True
        self._said.append(text)
        return await self._inner(text)

    def completed(self, reasoning: str) -> str:
        """All of it: what was passed on, or else the whole, read tolerantly."""
        if self._inner is not None:
            return "".join(self._said)
        masked = self._redactor.whole(reasoning) if self._redactor is not None else reasoning
        return self._restorer.whole(masked, tolerant=True)
