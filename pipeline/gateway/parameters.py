"""Which fields of a chat completion the door carries, which mean nothing when they have one value, which it refuses.

The names are those of the OpenAI API reference; a test compares them with the official client, so that a field which
appears there cannot pass unnoticed here.
"""

from collections.abc import Mapping
from typing import Final

from pipeline.contracts import Json, JsonObject
from pipeline.errors import UnsupportedParameter

__all__ = ["CARRIED", "NEUTRAL", "REFUSED", "given", "refuse"]

CARRIED: Final = frozenset(
    {
        "frequency_penalty",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
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
        "top_p",
        "user",
    }
)

NEUTRAL: Final[Mapping[str, tuple[Json, ...]]] = {
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "parallel_tool_calls": (True,),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "top_logprobs": (0,),
    "verbosity": ("medium",),
}
"""Fields whose named values ask for what happens anyway; any other value is refused."""

REFUSED: Final = frozenset(
    {
        "audio",
        "function_call",
        "moderation",
        "prediction",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "web_search_options",
    }
)

_ADVICE: Final[Mapping[str, str]] = {
    "function_call": "use `tool_choice`",
    "functions": "use `tools`",
    "logprobs": "the confidence of the answer is in the header x-stepwell-confidence",
    "n": "send one request for each answer",
    "top_logprobs": "the confidence of the answer is in the header x-stepwell-confidence",
}


def refuse(param: str, what: str = "", advice: str = "leave it out") -> UnsupportedParameter:
    """The error for something the door does not carry, with the place where it stands."""
    return UnsupportedParameter(f"{param}{f' {what}' if what else ''} is not supported: {advice}", param=param)


def given(fields: JsonObject) -> JsonObject:
    """The fields that say something: nulls and neutral values left out.

    Raises:
        UnsupportedParameter: a field is none that the door carries, or asks for something it does not do.
    """
    said: JsonObject = {}
    for name, value in fields.items():
        if name in CARRIED:
            if value is not None:
                said[name] = value
        elif not _says_nothing(name, value):
            raise refuse(name, advice=_ADVICE.get(name, "leave it out"))
    return said


def _says_nothing(name: str, value: Json) -> bool:
    if value is None:
        return name in NEUTRAL or name in REFUSED
    return any(value == neutral and type(value) is type(neutral) for neutral in NEUTRAL.get(name, ()))
