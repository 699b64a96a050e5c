"""The calls of one tier: each permitted, paid, made, and written down before the request goes on.

A tier is its variant and, while targets fail, its fallbacks. Each of them is an attempt of its own, with a permit, a
charge and an entry in the journal of its own. A redelivery walks the same chain: what was called already comes from the
journal, and is settled again, which changes nothing.
"""

from collections import deque

from pipeline.adapters.models.attempt import OneAttempt
from pipeline.adapters.models.by_batch import ByBatch
from pipeline.adapters.models.calling import Calling
from pipeline.adapters.models.chain import Link, chain_of, ends_chain, spares_of
from pipeline.adapters.models.deadline import RESERVE_S, left_s
from pipeline.adapters.models.permits import Permits
from pipeline.adapters.models.purse import Purse, Refused
from pipeline.adapters.models.shields import Shields
from pipeline.adapters.provider_batches.shelving import Shelving
from pipeline.contracts import Attempt, Envelope, Rung, StageName
from pipeline.disclosure.guard import Added
from pipeline.errors import ResidencyRefused, UnknownModel
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, Journal, Ledger, Made, ModelClient, Run

__all__ = ["RESERVE_S", "Attempts"]


class Attempts:
    """Makes attempts for the stages that call models.

    Args:
        client: calls models.
        journal: remembers what was paid for.
        policies: what variants, targets and prices mean.
        clock: the time.
        shields: hides personal data from targets and brings it back; not given, an own one without a memory.
        ledger: keeps the money; None: nobody does.
        shelving: lets calls go by batches of their providers; None: each is made by itself.
    """

    def __init__(
        self,
        client: ModelClient,
        journal: Journal,
        policies: PolicySource,
        clock: Clock,
        shields: Shields | None = None,
        ledger: Ledger | None = None,
        shelving: Shelving | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        shields, purse = shields or Shields(), Purse(ledger)
        self._purse = purse
        permits = Permits(policies, shields)
        calling, by_batch = Calling(client, permits, purse, clock), ByBatch(shelving, shields, clock)
        self._attempt = OneAttempt(client, calling, by_batch, permits, purse, journal, policies, clock)

    def left_s(self, envelope: Envelope) -> float:
        """Seconds that calls may still take, so that the rest of the way can be gone before the deadline."""
        return left_s(envelope, self._clock.now())

    async def make(self, envelope: Envelope, run: Run, stage: StageName, tier: int, added: Added | None = None) -> Made:
        """Call the variant of `tier`, and its fallbacks while they fail, but for what was called already.

        `added`: an answer that is handed over to it.

        Raises:
            ResidencyRefused: the target that was chosen may not see the request.
            UnknownModel: the policy that the request goes on under has no such variant.
            TransportUnavailable: a call could not be written down.
        """
        made: list[Attempt] = []
        passed_over: list[str] = []
        refused: Refused | None = None
        links = deque(chain_of(envelope, tier))
        while links:
            link = links.popleft()
            now = envelope.model_copy(update={"attempts": (*envelope.attempts, *made)}) if made else envelope
            try:
                result = await self._attempt.make(now, run, stage, tier, link, added)
            except (ResidencyRefused, UnknownModel) as error:
                if link.place == 0:
                    raise
                passed_over.append(f"{link.rung.variant}:{error.code}")
                continue
            if isinstance(result, Refused):
                refused, links = result, deque(spares_of(now, tier, link) if result.degrades else ())
            elif result is None:
                return Made(tuple(made), out_of_time=True, passed_over=tuple(passed_over))
            else:
                refused = None
                made.append(result)
                if ends_chain(result):
                    break
        denial, capped = refused or (None, False)
        return Made(tuple(made), denial, capped, passed_over=tuple(passed_over))

    async def ask(self, envelope: Envelope, run: Run, about: Attempt, rung: Rung, added: Added) -> Made:
        """One further call about the answer of `about`, at its tier, beyond the call that gave it.

        What forbids it is no error of the request: the answer is there without it.

        Raises:
            TransportUnavailable: the call could not be written down.
        """
        return await self._further(envelope, run, "draft", about.tier, Link(about.fallback, rung), added)

    async def compare(self, envelope: Envelope, run: Run, rung: Rung, added: Added, within_s: float) -> Made:
        """Ask whether a remembered question has the same answer as this one, for so many seconds at most.

        It is asked before any model answers, so it takes no more than a third of the time that is left for that, and
        a target that is left alone is not asked at all.

        Raises:
            TransportUnavailable: the call could not be written down.
        """
        return await self._hurried(envelope, run, rung, added, within_s)

    async def embed(self, envelope: Envelope, run: Run, rung: Rung, question: str, within_s: float) -> Made:
        """Have the vector of the last question made, that remembered ones are found by; as `compare` otherwise.

        Raises:
            TransportUnavailable: the call could not be written down.
        """
        added = Added(kind="embedding", answer=question, source=rung.target)
        return await self._hurried(envelope, run, rung, added, within_s)

    async def forsaken(self, envelope: Envelope, delivered: int) -> None:
        """Count the calls of a request that ends without the stage whose worker died while it made them.

        Raises:
            TransportUnavailable: it could not be written down.
        """
        await self._purse.forsakes(envelope, delivered)

    async def _hurried(self, envelope: Envelope, run: Run, rung: Rung, added: Added, within_s: float) -> Made:
        """One call of recall, within so many seconds and a third of what is left."""
        if run.delivered == 1 and not self._client.healthy(rung.target):
            return Made(passed_over=(f"{rung.variant}:target_unavailable",))
        now = self._clock.now()
        ends_at = now + min(within_s, (envelope.deadline_at - now) / 3)
        hurried = envelope.model_copy(update={"deadline_at": min(envelope.deadline_at, ends_at)})
        return await self._further(hurried, run, "recall", 0, Link(0, rung), added)

    async def _further(
        self, envelope: Envelope, run: Run, stage: StageName, tier: int, link: Link, added: Added
    ) -> Made:
        """One call that is made for no answer of its own. What forbids it is no error of the request."""
        rung = link.rung
        try:
            result = await self._attempt.make(envelope, run, stage, tier, link, added)
        except (ResidencyRefused, UnknownModel) as error:
            return Made(passed_over=(f"{rung.variant}:{error.code}",))
        if isinstance(result, Refused):
            return Made(denial=result.denial, capped=result.capped)
        return Made(out_of_time=True) if result is None else Made((result,))
