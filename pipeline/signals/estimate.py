"""Rough sizes, from above where it matters: nothing here asks a tokenizer."""

from math import ceil

from pipeline.contracts import Request
from pipeline.signals.conversation import BYTES_PER_TOKEN, TOKENS_PER_MESSAGE, survey

__all__ = ["input_tokens", "output_tokens", "prompt_tokens"]


def input_tokens(request: Request) -> int:
    """Tokens that the question will be, estimated: three bytes of UTF-8 make one, which is much for English."""
    return survey(request).tokens


def prompt_tokens(system: str | None) -> int:
    """Tokens that a variant's own prompt adds to the question, estimated."""
    if not system:
        return 0
    size = len(system) if system.isascii() else len(system.encode("utf-8", "surrogatepass"))
    return ceil(size / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE


def output_tokens(wanted: int | None, usual: int | None, at_most: int) -> int:
    """Tokens that the answer may have at most.

    Args:
        wanted: what the caller allows.
        usual: what the variant allows where the caller says nothing.
        at_most: what the target can give.
    """
    return min(wanted or usual or at_most, at_most)
