"""What becomes of each field of a chat completion: carried, passed on by declared policy, without effect, or refused.

The names are those of the OpenAI API reference; a test compares them with the official client, so that a field which
appears there cannot pass unnoticed here, and with the table in docs/HTTP.md.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from pipeline.contracts import Json, JsonObject
from pipeline.errors import UnsupportedParameter

__all__ = ["CARRIED", "NEUTRAL", "PASSED", "REFUSED", "given", "refuse"]

CARRIED: Final = frozenset(
    {
        "frequency_penalty",
        "function_call",
        "functions",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "prompt_cache_key",
        "provider",
        "response_format",
        "safety_identifier",
        "seed",
        "stepwell",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
    }
)

PASSED: Final = frozenset(
    {
        "logit_bias",
        "prediction",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "service_tier",
        "verbosity",
    }
)
"""Known fields that are the model's business: they go to targets whose policy declares them, and to no other one."""

NEUTRAL: Final[Mapping[str, tuple[Json, ...]]] = {
    "logit_bias": ({},),
    "modalities": (["text"],),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "verbosity": ("medium",),
}
"""Fields whose named values ask for what happens anyway; other values are passed on or refused."""

REFUSED: Final = frozenset({"audio", "modalities", "moderation", "store", "web_search_options"})
"""Fields that ask for what Stepwell does not do, or whose answer it could not hand back."""

_ADVICE: Final[Mapping[str, str]] = {
    "audio": "ask for text",
    "modalities": 'ask for ["text"]',
    "store": "every decision is recorded, no answer is: leave it out",
}
_NOT_PASSED: Final = "no target passes it on (`passes` in the policy): leave it out"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_MOST: Final = 32


def refuse(param: str, what: str = "", advice: str = "leave it out") -> UnsupportedParameter:
    """The error for something the door does not carry, with the place where it stands."""
    return UnsupportedParameter(f"{param}{f' {what}' if what else ''} is not supported: {advice}", param=param)


def given(fields: JsonObject, passes: Collection[str] = ()) -> tuple[JsonObject, JsonObject]:
    """The fields that say something, nulls and neutral values left out: those we carry, and those to be passed on.

    Args:
        fields: the body.
        passes: names that some target passes on.

    Raises:
        UnsupportedParameter: a field is neither, or asks for something that is not done.
    """
    said: JsonObject = {}
    extra: JsonObject = {}
    for name, value in fields.items():
        if name in CARRIED:
            if value is not None:
                said[name] = value
        elif not _says_nothing(name, value):
            _check_passed(name, passes)
            extra[name] = value
    if len(extra) > _MOST:
        raise refuse(next(iter(extra)), f"beside {len(extra) - 1} more", f"give at most {_MOST} of the model's own")
    return said, extra


def _check_passed(name: str, passes: Collection[str]) -> None:
    if name in REFUSED:
        raise refuse(name, advice=_ADVICE.get(name, "leave it out"))
    if name not in passes or not _NAME.fullmatch(name):
        raise refuse(name, advice=_NOT_PASSED)


def _says_nothing(name: str, value: Json) -> bool:
    if value is None:
        return name in REFUSED or name in PASSED
    return any(value == neutral and type(value) is type(neutral) for neutral in NEUTRAL.get(name, ()))
