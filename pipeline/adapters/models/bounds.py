"""Whether a call can have used what its endpoint says that it used. Pure.

Every call is sent a limit for its answer, and we know how long its question is. Servers count a little differently from
us; a report far beyond both is a mistake or a lie, and an invoice, a budget or a report that believes it is useless.
"""

from typing import Final

from pipeline.adapters.models.estimates import Size
from pipeline.contracts import Usage

__all__ = ["believable", "within"]

ANSWER_FACTOR: Final = 2
"""An answer is hardly ever longer than it was allowed to be."""
ANSWER_MORE: Final = 256
"""Tokens beyond that, for short answers."""
REASONING: Final = 262_144
"""Tokens of reasoning that a provider may count beside the limit."""
QUESTION_FACTOR: Final = 4
"""Our estimate of a question is from above; still a tokenizer may make a token of every byte."""
QUESTION_MORE: Final = 4_096
"""Tokens beyond that, for what a server's own template adds to a question."""
IMAGE_FACTOR: Final = 64
"""Where a question holds an image: one may count for many times our estimate."""


def believable(usage: Usage, size: Size) -> bool:
    """Whether a call of this size may have used that. A size of 0 is none that we know, and bounds nothing."""
    factor = IMAGE_FACTOR if size.images else QUESTION_FACTOR
    asked = factor * size.asked + QUESTION_MORE
    answered = ANSWER_FACTOR * size.answered + ANSWER_MORE + (REASONING if usage.reasoning_tokens else 0)
    return not ((size.asked and usage.input_tokens > asked) or (size.answered and usage.output_tokens > answered))


def within(usage: Usage, size: Size) -> Usage:
    """What the call used at most, by what was set aside for it, in place of a report that is not believed."""
    asked = min(usage.input_tokens, size.asked)
    answered = min(usage.output_tokens, size.answered)
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cached_tokens=min(usage.cached_tokens, asked),
        reasoning_tokens=min(usage.reasoning_tokens, answered),
    )
