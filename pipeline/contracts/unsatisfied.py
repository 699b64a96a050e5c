"""Why no answer was good enough, in a sentence for who asked."""

from collections.abc import Sequence
from typing import Final

__all__ = ["AMISS", "unsatisfied"]

AMISS: Final = {
    "missing": "no call of a tool",
    "unwanted": "a call of a tool, though none was wanted",
    "other": "a call of another tool than the one that was chosen",
    "several": "several calls of tools, though one at a time was wanted",
    "unknown": "a call of a tool that was not offered",
}
"""What may be amiss with the calls of an answer, whatever their arguments are."""
_TOOLS: Final = "tools/"


def unsatisfied(problems: Sequence[str]) -> str:
    """What no tier gave, by the problems of the last answer: places in schemas, or what was amiss with its calls."""
    amiss = next((problem for problem in problems if problem in AMISS.values()), None)
    if amiss is not None:
        return f"no tier called tools as it was asked to: the last answer has {amiss}"
    if any(problem.startswith(_TOOLS) for problem in problems):
        return "no tier called a tool with arguments that hold its schema: simplify it, or allow an escalation"
    return "no tier gave an answer that satisfies the response schema: simplify it, or allow an escalation"
