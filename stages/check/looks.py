"""Which call check asks for before it decides: the errors told to who made them, or a further look. Pure.

Each is asked for at most once, and all of them are counted in the verdict, so that a request that comes back from
draft, with or without what was asked for, always gets further.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pipeline.contracts import Attempt, Envelope, Plan, Rung, Wanted
from pipeline.policy.models import Look
from stages.check.ended import FILTERED, STOPPED
from stages.check.findings import Findings
from stages.check.rules import Rules
from stages.check.sure import looks_can_lift

__all__ = ["LOOKING", "Asking", "asked_before", "asks_for", "looks_at"]

LOOKING: Final = ("samples", "opinion", "verify", "judge")
_REPAIR: Final = "repair"
_CERTAIN: Final = 1.0


class Asking(NamedTuple):
    """What is asked for, if anything, and all that was asked for with it."""

    wants: Wanted | None
    asked: tuple[str, ...]


def looks_at(envelope: Envelope, candidate: Attempt) -> tuple[Attempt, ...]:
    """The further looks at this answer that were taken."""
    return tuple(made for made in envelope.attempts if made.number > candidate.number and made.made_for in LOOKING)


def asked_before(envelope: Envelope, candidate: Attempt) -> tuple[str, ...]:
    """What was asked for so far about answers of this tier."""
    verdict = envelope.verdict
    if verdict is None or not verdict.asked:
        return ()
    judged = next((made for made in envelope.attempts if made.number == verdict.attempt), None)
    return verdict.asked if judged is not None and judged.tier == candidate.tier else ()


def asks_for(envelope: Envelope, plan: Plan, candidate: Attempt, found: Findings, rules: Rules) -> Asking:
    """The next call that is worth asking for, before it is decided about `candidate`."""
    asked, accept = asked_before(envelope, candidate), rules.accept
    if accept is None or candidate.streamed:
        return Asking(None, asked)
    if found.schema_state == "invalid":
        turns = asked.count(_REPAIR)
        if turns >= accept.corrective_turns or candidate.finish_reason in (STOPPED, FILTERED):
            return Asking(None, asked)
        return Asking(Wanted(kind="repair"), (*asked, _REPAIR))
    if not _grey(plan, candidate, found, rules):
        return Asking(None, asked)
    for look, name, rung in _left(plan, candidate, rules, asked):
        if look.kind in ("opinion", "judge") and rung is None:
            asked = (*asked, f"{name} not eligible")
            continue
        wants = Wanted(kind=look.kind, rung=rung)
        if look.kind == "samples":
            wants = Wanted(kind=look.kind, count=look.count, temperature=look.temperature)
        return Asking(wants, (*asked, name))
    return Asking(None, asked)


def _grey(plan: Plan, candidate: Attempt, found: Findings, rules: Rules) -> bool:
    """Whether the answer is neither surely good enough nor surely not. Nothing is known of one without a confidence."""
    threshold, accept = plan.threshold, rules.accept
    last = candidate.tier >= len(plan.tiers) - 1 and plan.cut is None
    if threshold is None or threshold >= _CERTAIN or last or accept is None or not accept.looks:
        return False
    if found.unfit is not None or candidate.tool_calls:
        return False
    if found.confidence is None:
        return looks_can_lift(rules)
    if found.confidence < threshold and not looks_can_lift(rules):
        return False
    return abs(found.confidence - threshold) <= accept.grey


def _left(
    plan: Plan, candidate: Attempt, rules: Rules, asked: Sequence[str]
) -> Iterator[tuple[Look, str, Rung | None]]:
    """The looks that were not asked for yet, with their names, and who is to be asked where another one is."""
    done = sum(name != _REPAIR for name in asked)
    looks = rules.accept.looks if rules.accept is not None else ()
    for look in looks[done:]:
        if look.variant is None:
            yield look, look.kind, None
            continue
        wanted = rules.own.get(look.variant, look.variant)
        others = (rung for rung in plan.lookers if rung.variant == wanted and wanted != candidate.variant)
        yield look, f"{look.kind}:{look.variant}", next(others, None)
