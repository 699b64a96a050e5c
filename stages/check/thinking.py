"""Reasoning that a model wrote into its text, between `<think>` and `</think>`. Pure.

Callers get it as it came. What should be a document is what follows; a draft of one among the thoughts is no answer.
"""

from typing import Final

__all__ = ["CLOSES", "REMOVED", "parted"]

REMOVED: Final = "reasoning before the answer removed"

_OPENS: Final = "<think>"
CLOSES: Final = "</think>"
_DOCUMENT: Final = ("{", "[", '"', "`")


def parted(text: str) -> tuple[str, str]:
    """The reasoning at the beginning and the answer after it.

    Of some models the first tag stands in the prompt, so it may be missing. Reasoning that never ends has no answer.
    """
    begins = text.lstrip()
    opened = begins.startswith(_OPENS)
    if not opened and (begins.startswith(_DOCUMENT) or CLOSES not in text):
        return "", text
    thought, closed, answer = text.partition(CLOSES)
    return (thought + closed, answer) if closed else (text, "")
