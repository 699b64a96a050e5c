"""The stage `draft`: make the first attempt, or a further call about an answer, and let `decide` say what follows."""

import orjson

from pipeline.adapters.documents import check_schema
from pipeline.adapters.models import Attempts, postponed
from pipeline.contracts import Attempt, Envelope, Rung, StageName, Verdict, Wanted
from pipeline.disclosure.guard import Added
from pipeline.errors import Unreadable
from pipeline.ports import Made, Outcome, Run
from stages.draft.decide import decide, looked, may_look, settled

__all__ = ["Draft"]


class Draft:
    """The stage `draft`.

    Args:
        attempts: makes attempts.
    """

    name: StageName = "draft"

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        """Call the first tier; or, where check asks for that, make a further call about the answer that there is.

        Raises:
            InvalidRequest: the response schema is none; found before anything is paid.
            ResidencyRefused: the target may not see the request.
            Postponed: the budget does not cover it now, and lets it wait.
        """
        verdict = envelope.verdict
        if verdict is not None and verdict.wants is not None:
            return looked(envelope, verdict.wants.kind, await self._looks(envelope, run, verdict, verdict.wants))
        if envelope.request.response_schema is not None:
            check_schema(envelope.request.response_schema)
        made = await self._attempts.make(envelope, run, self.name, 0)
        if made.denial is not None and made.denial.action == "queue" and made.last is None:
            raise postponed(made.denial, envelope)
        return decide(envelope, made)

    async def _looks(self, envelope: Envelope, run: Run, verdict: Verdict, wants: Wanted) -> list[Made]:
        """Make the calls that are wanted, one after the other, until they settle it or may not be made."""
        candidate = next((made for made in envelope.attempts if made.number == verdict.attempt), None)
        if candidate is None or envelope.plan is None:
            raise Unreadable("check asks for a further call about an answer that is not there")
        rung = wants.rung or Rung(variant=candidate.variant, target=candidate.target)
        made: list[Made] = []
        samples: list[str] = []
        for nth in range(1, wants.count + 1):
            in_time = may_look(self._attempts.left_s(envelope), candidate, envelope.plan)
            if not in_time and run.delivered == 1:  # a redelivery counts the calls that were paid for
                return [*made, Made(out_of_time=True)]
            added = _added(wants, candidate, verdict, nth)
            came = await self._attempts.ask(envelope, run, candidate, rung, added)
            made.append(came)
            if came.last is None or came.last.error is not None:
                return made
            envelope = envelope.model_copy(update={"attempts": (*envelope.attempts, *came.attempts)})
            samples.append(came.last.text or "")
            if settled(candidate.text or "", samples, wants.count):
                return made
        return made


def _added(wants: Wanted, candidate: Attempt, verdict: Verdict, nth: int) -> Added:
    """What the call is sent besides the request. A judge sees the answer as its caller would."""
    answer = candidate.text or ""
    if candidate.tool_calls:
        answer = orjson.dumps([call.function for call in candidate.tool_calls]).decode()
    if wants.kind in ("verify", "judge") and verdict.content is not None:
        answer = verdict.content
    return Added(
        kind=wants.kind,
        answer=answer,
        problems=verdict.problems,
        source=candidate.target,
        found=candidate.found,
        temperature=wants.temperature,
        nth=nth,
    )
