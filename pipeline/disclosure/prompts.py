"""What a variant makes of a request: its system prompt first, its parameters where the request names none. Pure."""

from functools import lru_cache
from typing import Final

from pipeline.contracts import Message, Parameters, Request
from pipeline.policy.models import Variant

__all__ = ["messages_for", "parameters_for"]

_SAMPLING: Final = tuple(Parameters.model_fields)
_NOTHING: Final = Parameters()


def messages_for(request: Request, variant: Variant) -> tuple[Message, ...]:
    """The conversation with the variant's system prompt before it.

    Joined to a system message that the request begins with, since many chat templates take only one.
    """
    conversation = request.conversation()
    if not variant.system:
        return conversation
    first = conversation[0]
    if first.role == "system" and isinstance(first.content, str):
        joined = first.model_copy(update={"content": f"{variant.system}\n\n{first.content}"})
        return (joined, *conversation[1:])
    return (_system(variant.system), *conversation)


def parameters_for(request: Request, variant: Variant) -> Parameters:
    """The request's parameters, and under them the variant's."""
    asked, usual = request.parameters, variant.parameters
    if usual == _NOTHING:
        return asked
    if asked == _NOTHING:
        return usual
    merged = {}
    for name in _SAMPLING:
        value = getattr(asked, name)
        merged[name] = getattr(usual, name) if value is None else value
    return Parameters.model_construct(**merged)


@lru_cache(maxsize=256)
def _system(text: str) -> Message:
    return Message(role="system", content=text)
