"""What calls may use at most, and what those used that nobody reported. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from pipeline.contracts import Envelope, Usage
from pipeline.disclosure.prompts import VERDICT_TOKENS, Added
from pipeline.policy.models import Target, Variant
from pipeline.policy.pricing import estimated_tokens
from pipeline.ports import Progress, Try
from pipeline.signals.estimate import input_tokens, output_tokens, prompt_tokens

__all__ = ["Size", "added_tokens", "lost_usage", "size_of", "spent_usage"]

_FRAME: Final = 200
"""Tokens of what stands around an answer that a call is sent, at most."""


class Size(NamedTuple):
    """Tokens of one call: of its prompt, estimated, and of its answer at most; and whether the prompt holds images."""

    asked: int
    answered: int
    images: bool = False

    @property
    def tokens(self) -> int:
        """Both together."""
        return self.asked + self.answered


def size_of(envelope: Envelope, variant: Variant, spec: Target, added: Added | None = None) -> Size:
    """What a call of this variant may use: as counted by the target's own tokenizer where that was done.

    `added`: what it is sent besides the request; a judgement is short. A vector is no text of any length.
    """
    if added is not None and added.kind == "embedding":
        return Size(added_tokens(added), 0)
    request = envelope.request
    signals = envelope.plan.signals if envelope.plan is not None else None
    asked = input_tokens(request) if signals is None else signals.counted.get(variant.target, signals.tokens)
    answered = output_tokens(request.parameters.max_tokens, variant.parameters.max_tokens, spec.max_output_tokens)
    if request.embed is not None:
        return Size(asked, 0)
    images = signals is not None and "image" in signals.modalities
    if added is not None:
        asked += added_tokens(added)
        answered = min(answered, VERDICT_TOKENS) if added.judges else answered
    return Size(asked + prompt_tokens(variant.system), answered, images)


def added_tokens(added: Added) -> int:
    """Tokens of what a call is sent besides the request, estimated."""
    if added.kind in ("samples", "opinion"):
        return 0
    return prompt_tokens("\n".join((added.answer, added.remembered or "", *added.problems))) + _FRAME


def lost_usage(progress: Progress, size: Size) -> Usage | None:
    """For a call that was answered: what its earlier tries used that may be charged too; None: there are none."""
    return _sum(progress.lost, size, whole=False)


def spent_usage(progress: Progress, size: Size, *, whole: bool) -> Usage:
    """For a call that failed or was abandoned: what all its tries used that may be charged.

    Where an answer was to come in one piece nobody saw how far it was. With `whole` (it ran out of time, or was stopped
    while it worked) it counts as long as it may be; without (its server broke off), as not begun.
    """
    running = () if progress.running is None else (progress.running,)
    return (_sum(progress.lost, size, whole=False) or Usage()) + (_sum(running, size, whole=whole) or Usage())


def _sum(tries: Iterable[Try], size: Size, *, whole: bool) -> Usage | None:
    total: Usage | None = None
    for made in tries:
        seen = max(made.pieces, estimated_tokens(made.characters))
        answered = size.answered if made.unseen and whole else min(seen, size.answered) if size.answered else seen
        used = Usage(input_tokens=size.asked, output_tokens=answered)
        total = used if total is None else total + used
    return total
