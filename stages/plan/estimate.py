"""Rough sizes and worst-case costs, from above where it matters: nothing here asks a tokenizer."""

from math import ceil
from typing import Final

import orjson

from pipeline.contracts import ImagePart, Message, Request
from pipeline.policy.models import Target, Variant

__all__ = ["input_tokens", "output_tokens", "prompt_tokens", "worst_cost_usd"]

_BYTES_PER_TOKEN: Final = 3
_TOKENS_PER_MESSAGE: Final = 4
_TOKENS_PER_IMAGE: Final = 1024


def input_tokens(request: Request) -> int:
    """Tokens that the question will be, estimated: three bytes of UTF-8 make one, which is much for English."""
    messages = request.conversation()
    size = sum(_bytes(message) for message in messages)
    images = sum(_images(message) for message in messages)
    for extra in (request.tools, request.response_schema):
        size += len(orjson.dumps(extra)) if extra else 0
    return ceil(size / _BYTES_PER_TOKEN) + _TOKENS_PER_MESSAGE * len(messages) + _TOKENS_PER_IMAGE * images


def prompt_tokens(system: str | None) -> int:
    """Tokens that a variant's own prompt adds to the question, estimated."""
    return ceil(_length(system) / _BYTES_PER_TOKEN) + _TOKENS_PER_MESSAGE if system else 0


def output_tokens(request: Request, variant: Variant, target: Target) -> int:
    """Tokens that the answer may have at most."""
    wanted = request.parameters.max_tokens or variant.parameters.max_tokens or target.max_output_tokens
    return min(wanted, target.max_output_tokens)


def worst_cost_usd(target: Target, tokens_in: int, tokens_out: int) -> float | None:
    """US dollars for one call whose answer is as long as it may be; None when the price is unknown."""
    if target.price is None:
        return None
    return (tokens_in * target.price.input + tokens_out * target.price.output) / 1e6


def _bytes(message: Message) -> int:
    content = message.content
    if isinstance(content, str):
        size = _length(content)
    else:
        size = sum(_length(part.text) for part in content or () if not isinstance(part, ImagePart))
    for call in message.tool_calls or ():
        size += len(orjson.dumps(call.function))
    return size


def _images(message: Message) -> int:
    content = message.content
    return sum(isinstance(part, ImagePart) for part in content) if isinstance(content, tuple) else 0


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
