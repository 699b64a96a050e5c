"""What the script says: a pure function of the model's name, the seed and the last user message."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from pipeline.embedded.scripted.behaviour import Behaviour
from pipeline.embedded.scripted.instance import instance_of

__all__ = ["Answer", "answer", "draw_of", "last_user_text"]

_SENTENCE = (
    "the request was read with care and the result follows from what it states in short each part was weighed "
    "against the others before this line came out as the most likely one among several that would also fit here"
)
_WORDS = _SENTENCE.split()
_TOKEN = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")
_NAMED = re.compile(r"\w{3,}")
_JUDGES = ("You check answers.", "You compare questions.")
_SURE, _UNSURE = -0.02, -1.6
_DOUBT = -3.0
_FENCE = ("```", "json", "\n"), ("\n", "```")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer in tokens.

    `logprobs` are (token, natural log-probability); they differ from `tokens` only where a fence is played. `reasoning`
    are such pairs that come before them and are no part of the text.
    """

    tokens: tuple[str, ...]
    logprobs: tuple[tuple[str, float], ...]
    finish_reason: str
    input_tokens: int
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    reasoning: tuple[tuple[str, float], ...] = ()

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.tokens)

    @property
    def thought(self) -> str:
        """All of the reasoning."""
        return "".join(token for token, _ in self.reasoning)

    @property
    def generated(self) -> int:
        """Tokens of all that was generated."""
        return len(self.reasoning) + max(len(self.tokens), len(self.tool_calls))


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the last user message, its parts joined by a line feed."""
    for message in reversed(messages):
        if message.get("role") == "user":
            content = message.get("content") or ""
            if isinstance(content, str):
                return content
            return "\n".join(part.get("text", "") for part in content)
    return ""


def draw_of(seed: int, text: str) -> int:
    """A number below 2^64 that depends on the seed and the text alone."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8, key=b"%d" % seed).digest(), "big")


def answer(body: Mapping[str, Any], behaviour: Behaviour, seed: int) -> Answer:
    """Answer a body of `/v1/chat/completions`."""
    messages = body.get("messages") or ()
    prompt = last_user_text(messages)
    draw = draw_of(seed + behaviour.contrary, prompt)
    called = _tool_call(body, draw, prompt)
    told = _judgement(messages, behaviour) or _text(body, behaviour, draw, prompt)
    tokens = () if called else tuple(_TOKEN.findall(told))
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or len(tokens)
    reason = "tool_calls" if called else "stop" if limit >= len(tokens) else "length"
    tokens = tokens[:limit]
    scores = _logprobs(tokens, behaviour, draw)
    return Answer(tokens, scores, reason, _input_tokens(messages), called, _reasoning(behaviour, prompt))


def _reasoning(behaviour: Behaviour, prompt: str) -> tuple[tuple[str, float], ...]:
    """Aloud and full of doubt."""
    aloud = f"It is asked: {prompt} So I answer." if behaviour.reasons else ""
    return tuple((token, _DOUBT) for token in _TOKEN.findall(aloud))


def _text(body: Mapping[str, Any], behaviour: Behaviour, draw: int, prompt: str) -> str:
    schema = _schema(body)
    if schema is None:
        length = 8 + draw % 7
        return " ".join(_WORDS[(draw >> (i % 56)) % len(_WORDS)] for i in range(length)).capitalize() + "."
    if behaviour.wrong_json and not (behaviour.mends and "cannot be read" in prompt):
        return '{"wrong": true}' if schema.get("type") == "array" else '["wrong"]'
    return orjson.dumps(instance_of(schema, draw, _NAMED.findall(prompt)[:64])).decode()


def _judgement(messages: Sequence[Mapping[str, Any]], behaviour: Behaviour) -> str | None:
    """What a model that judges says of an answer; None: it is not asked to."""
    first = messages[0] if messages else {}
    asked = first.get("role") == "system" and str(first.get("content")).startswith(_JUDGES)
    return behaviour.verdict if asked else None


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_object":
        return {"type": "object"}
    schema = (wanted.get("json_schema") or {}).get("schema")
    return schema if isinstance(schema, Mapping) else None


def _tool_call(body: Mapping[str, Any], draw: int, prompt: str) -> tuple[Mapping[str, Any], ...]:
    choice = body.get("tool_choice")
    if not body.get("tools") or choice in (None, "auto", "none"):
        return ()
    named = choice["function"]["name"] if isinstance(choice, Mapping) else body["tools"][0]["function"]["name"]
    function = next(tool["function"] for tool in body["tools"] if tool["function"]["name"] == named)
    arguments = instance_of(function.get("parameters") or {"type": "object"}, draw, _NAMED.findall(prompt)[:64])
    call = {"name": named, "arguments": orjson.dumps(arguments).decode()}
    return ({"id": f"call_{draw:016x}", "type": "function", "function": call},)


def _logprobs(tokens: Sequence[str], behaviour: Behaviour, draw: int) -> tuple[tuple[str, float], ...]:
    unsure = (draw >> 8) % 1000 < behaviour.unsure_share * 1000
    level = _UNSURE if unsure else _SURE
    scored = tuple((token, level * (0.5 + ((draw >> (i % 48)) & 15) / 15)) for i, token in enumerate(tokens))
    if not behaviour.fenced:
        return scored
    before, after = (tuple((token, -0.001) for token in part) for part in _FENCE)
    return before + scored + after


def _input_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """About four characters to a token, and four tokens for each message's frame."""
    return sum(4 + len(message.get("content") or "") // 4 for message in messages)
