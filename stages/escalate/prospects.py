"""What is to be expected of the tiers that may be next: how probably they are right, and what they cost. Pure.

Of the last tier the calibrator of the route knows it, from answers of both that were judged: its gain over a draft of
these signals or, without that, the share of its right answers. Of those between the record of the route does: the share
of their answers that sufficed.
"""

import math
from collections.abc import Sequence
from typing import Final

from pipeline.contracts import Envelope, Plan, Rung, Tier, Usage, Verdict
from pipeline.policy import Policy
from pipeline.policy.calibration import Calibrator
from pipeline.policy.pricing import cost_usd
from pipeline.signals.estimate import output_tokens, prompt_tokens
from stages.escalate.choose import Option
from stages.escalate.decide import serves

__all__ = ["present", "prospects"]

_USUAL: Final = 256
"""Tokens of an answer where there is no draft yet that says how long it is."""


def present(envelope: Envelope, policy: Policy) -> float | None:
    """How probably the answer that there is suffices; None: there is none that could be served."""
    verdict = envelope.verdict
    if verdict is None or not serves(envelope):
        return None
    if verdict.confidence is not None:
        return verdict.confidence
    calibrator = _calibrator(envelope, policy)
    prior = calibrator.prior(*_segment(envelope)) if calibrator is not None else None
    return 0.0 if prior is None else prior


def prospects(envelope: Envelope, plan: Plan, tiers: Sequence[int], policy: Policy) -> tuple[Option, ...]:
    """What is to be expected of these tiers of the plan."""
    return tuple(
        Option(tier, _right(envelope, plan, tier, policy), _usd(envelope, plan.tiers[tier], policy)) for tier in tiers
    )


def _right(envelope: Envelope, plan: Plan, tier: int, policy: Policy) -> float | None:
    if tier < len(plan.tiers) - 1:
        return plan.snapshot.sufficed.get(plan.tiers[tier].variant) if plan.snapshot is not None else None
    calibrator, now = _calibrator(envelope, policy), present(envelope, policy)
    if calibrator is None:
        return None
    verdict = envelope.verdict
    gain = None if now is None or verdict is None else calibrator.gain(verdict.signals, _raw(verdict))
    if gain is None or now is None:
        return calibrator.best(*_segment(envelope))
    return min(1.0, max(0.0, now + gain))


def _usd(envelope: Envelope, rung: Tier | Rung, policy: Policy) -> float | None:
    """What a call is expected to cost: the prompt, and an answer as long as the one before it."""
    variant, spec = policy.variants.get(rung.variant), policy.targets.get(rung.target)
    if variant is None or spec is None:
        return None
    signals = envelope.plan.signals if envelope.plan is not None else None
    asked = signals.counted.get(rung.target, signals.tokens) if signals is not None else 0
    most = output_tokens(envelope.request.parameters.max_tokens, variant.parameters.max_tokens, spec.max_output_tokens)
    lengths = [made.answer_usage.output_tokens for made in envelope.answers if made.error is None]
    answered = min(most, lengths[-1] if lengths else _USUAL)
    return cost_usd(Usage(input_tokens=asked + prompt_tokens(variant.system), output_tokens=answered), spec.price)


def _raw(verdict: Verdict) -> float | None:
    mean = verdict.signals.get("logprob_mean")
    return None if mean is None else min(1.0, math.exp(mean))


def _calibrator(envelope: Envelope, policy: Policy) -> Calibrator | None:
    route = policy.route(envelope.plan.route) if envelope.plan is not None else None
    return route.calibrator if route is not None else None


def _segment(envelope: Envelope) -> tuple[str | None, str]:
    return envelope.request.metadata.get("task"), envelope.tenant
