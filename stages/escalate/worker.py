"""The stage `escalate`: go down tier by tier until one answers."""

from typing import Literal, NamedTuple

from pipeline.adapters.models import Attempts, postponed
from pipeline.contracts import Envelope, StageName
from pipeline.errors import Unreadable
from pipeline.policy.source import PolicySource
from pipeline.ports import Made, Outcome, Run
from stages.escalate.choose import Choice, by_gain, candidates, in_time
from stages.escalate.decide import after, denied, give_up, serves, stays
from stages.escalate.hand_over import handed_over
from stages.escalate.prospects import present, prospects

__all__ = ["Escalate"]

Hands = Literal["nothing", "draft", "errors"]


class Escalate:
    """The stage `escalate`.

    Args:
        attempts: makes attempts.
        policies: say by what the next tier is chosen, and what it is to be expected of.
    """

    name: StageName = "escalate"

    def __init__(self, attempts: Attempts, policies: PolicySource) -> None:
        self._attempts = attempts
        self._policies = policies

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        """Call the next tier, and the ones after it while they fail.

        Raises:
            ResidencyRefused: a target may not see the request.
            Postponed: a budget does not cover the call now, and lets the request wait.
            Unreadable: there is no plan.
        """
        passed_over: tuple[str, ...] = ()
        while True:
            found = self._next(envelope)
            if found.choice.tier is None:
                break
            handed = handed_over(envelope, found.hands)
            made = await self._attempts.make(envelope, run, self.name, found.choice.tier, handed)
            envelope = envelope.model_copy(update={"attempts": (*envelope.attempts, *made.attempts)})
            passed_over += made.passed_over
            outcome = _follows(envelope, made, passed_over, found.choice)
            if outcome is not None:
                return outcome
        if found.none_worth_it:
            return stays(envelope, found.choice.facts)
        return give_up(envelope, out_of_time=found.too_late or self._attempts.left_s(envelope) <= 0)

    def _next(self, envelope: Envelope) -> "_Next":
        """The tier that is next. Where an answer could be served, none is called that would come too late."""
        plan = envelope.plan
        if plan is None:
            raise Unreadable("an envelope reached escalate without a plan")
        policy = self._policies.revision(envelope.policy_revision) or self._policies.current()
        route = policy.route(plan.route)
        rules = route.spec.escalation if route is not None else None
        gains = rules is not None and rules.choose == "gain"
        tiers = candidates(envelope, skips=gains)
        left = in_time(tiers, plan, self._attempts.left_s(envelope)) if serves(envelope) else tiers
        hands: Hands = rules.hand_over if rules is not None else "nothing"
        if rules is None or not gains or rules.value_usd is None or not left:
            return _Next(Choice(left[0] if left else None, {}), hands, too_late=bool(tiers) and not left)
        explores = envelope.verdict is not None and envelope.verdict.stays
        now = None if explores else present(envelope, policy)
        choice = by_gain(now, prospects(envelope, plan, left, policy), rules.value_usd)
        return _Next(choice, hands, none_worth_it=choice.tier is None)


class _Next(NamedTuple):
    """What is next and what it is told; where nothing is: whether it came too late, or would not be worth its cost."""

    choice: Choice
    hands: Hands = "nothing"
    too_late: bool = False
    none_worth_it: bool = False


def _follows(envelope: Envelope, made: Made, passed_over: tuple[str, ...], choice: Choice) -> Outcome | None:
    """What follows from the calls of a tier; None: the next one is tried. Raises `Postponed`."""
    if made.last is not None:
        outcome = after(envelope, passed_over, choice.facts)
        if outcome is not None:
            return outcome
    elif made.denial is not None:
        explores = envelope.verdict is not None and envelope.verdict.stays
        if made.denial.action == "queue" and not explores:
            raise postponed(made.denial, envelope)
        return denied(envelope, made.denial, capped=made.capped)
    return give_up(envelope, out_of_time=True) if made.out_of_time else None
