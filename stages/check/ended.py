"""How an answer ended, where that speaks against it: kept back by a filter, or cut off by a limit of ours. Pure."""

from dataclasses import replace
from typing import Final

from pipeline.contracts import Attempt
from stages.check.findings import Findings

__all__ = ["FILTERED", "STOPPED", "with_ending"]

FILTERED: Final = "content_filter"
STOPPED: Final = "length"


def with_ending(found: Findings, attempt: Attempt, wanted: int | None, at_most: int | None) -> Findings:
    """The findings with what the end of the answer has against it.

    An answer that stops at the caller's own limit is what he asked for. A document that is closed is whole, whatever
    was cut off behind it.

    Args:
        found: what was found in the answer.
        attempt: the answer.
        wanted: tokens that the caller allows.
        at_most: tokens that the target can give; None: nobody knows.
    """
    if attempt.finish_reason == FILTERED:
        return replace(found, ended="filtered")
    if attempt.finish_reason != STOPPED or _closed(found):
        return found
    his_own = wanted is not None and (at_most is None or wanted <= at_most)
    return found if his_own else replace(found, ended="cut_off")


def _closed(found: Findings) -> bool:
    return found.schema_state != "none" and (found.schema_state == "valid" or isinstance(found.parsed, dict | list))
