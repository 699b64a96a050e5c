"""Sentences that speak to the memory or the model instead of asking: an answer to them serves nobody else."""

import re
from typing import Final

__all__ = ["gives_orders"]

_SPEAKS: Final = re.compile(
    r"""\b(?:
        (?:answer|respond|reply|treat|handle|process)\s+(?:this\s+|it\s+|me\s+|exactly\s+)*(?:as|like)
          \s+(?:if|for|though|to|the)
      | (?:same|cached|stored|remembered|previous|earlier|other)\s+(?:answer|response|reply|result)
      | (?:ignore|disregard|forget|override|bypass)\s+(?:\w+\s+){0,4}
          (?:instructions?|prompts?|rules?|above|previous|everything|question|guard)
      | (?:instead|rather)\s+(?:answer|respond|reply|say|output|print)
      | (?:cache|semantic|similarity)\s*(?:key|hit|entry|score|threshold)
      | (?:you\s+are\s+now|from\s+now\s+on|pretend|act\s+as|system\s+prompt|new\s+instructions?)
      | this\s+(?:question\s+)?(?:means|is\s+equivalent\s+to|is\s+the\s+same\s+as|equals)
    )\b | <\|? | \|?> | \[/?(?:inst|sys|system|user|assistant)\] | ^\s*\#{2,} | \b(?:system|assistant)\s*:""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)


def gives_orders(text: str) -> bool:
    """Whether such a sentence stands in a text."""
    return _SPEAKS.search(text) is not None
