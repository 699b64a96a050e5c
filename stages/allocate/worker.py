"""The loop beside the cascade: read outcome events, keep the tally, publish weights."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from pipeline.adapters.weights import dump_weights, parse_weights
from pipeline.contracts import OutcomeEvent
from pipeline.errors import Transient
from pipeline.experiments.outcomes import OUTCOMES, TALLY_KEY, Pending, Tally, dump_tally, parse_tally
from pipeline.experiments.thompson import BetaSource
from pipeline.policy.source import PolicySource
from pipeline.ports import Bucket, Clock, Conflict, ResultStore, Stored, Streams
from stages.allocate.decide import RULES, Judged, Rules, apply, judge, weights

__all__ = ["Allocate"]

_log = logging.getLogger("stepwell.allocate")

Heard = Callable[[OutcomeEvent], Awaitable[None]]
EVERY_EVENTS: Final = 100
EVERY_S: Final = 5.0
RACES: Final = 20
"""Lost races against other allocators after which this one leaves the round to them."""


class Allocate:
    """The worker `allocate`. Any number may run: the tally and the weights change by compare-and-set alone.

    Args:
        streams: where outcome events are.
        results: replies, which say who served a request.
        experiments: bucket of the tally.
        published: bucket of the weights.
        policies: routes with their tiers.
        clock: the time.
        random: chance; `random.Random()` will do.
        rules: how to learn.
        every_events: outcomes after which weights are published within one round.
        every_s: seconds between two rounds.
        heard: told of every outcome event before it is counted, and perhaps again; None: nobody.
    """

    def __init__(
        self,
        streams: Streams,
        results: ResultStore,
        experiments: Bucket,
        published: Bucket,
        policies: PolicySource,
        clock: Clock,
        random: BetaSource,
        *,
        rules: Rules = RULES,
        every_events: int = EVERY_EVENTS,
        every_s: float = EVERY_S,
        heard: Heard | None = None,
    ) -> None:
        self._streams = streams
        self._results = results
        self._experiments = experiments
        self._published = published
        self._policies = policies
        self._clock = clock
        self._random = random
        self._rules = rules
        self._every_events = every_events
        self._every_s = every_s
        self._heard = heard

    async def run(self) -> None:
        """Work until cancelled. A store that is away is waited for."""
        while True:
            try:
                await self.round()
            except Transient as error:
                _log.warning("no round of learning: %s", error.message)
            await asyncio.sleep(self._every_s)

    async def round(self) -> Tally:
        """Read everything that is new, in batches, and publish after each."""
        tally = await self.learn(())
        await self.publish(tally)
        batch: list[Stored] = []
        async for stored in self._streams.scan(OUTCOMES, after=tally.applied):
            batch.append(stored)
            if len(batch) >= self._every_events:
                tally, batch = await self.learn(batch), []
                await self.publish(tally)
        if batch:
            tally = await self.learn(batch)
            await self.publish(tally)
        return tally

    # ------------------------------------------------------------ the tally

    async def learn(self, batch: Sequence[Stored]) -> Tally:
        """Count a batch of outcome events, and those pending, exactly once. Returns the tally that counts."""
        await self._pass_on(batch)
        for _ in range(RACES):
            revision, tally = await self._read()
            fresh = [stored for stored in batch if stored.sequence > tally.applied]
            following = await self._next(tally, fresh)
            if following == tally:
                return tally
            try:
                await self._experiments.put(TALLY_KEY, dump_tally(following), expected=revision)
            except Conflict:
                continue
            self._tell(tally, following)
            return following
        return tally

    async def _pass_on(self, batch: Sequence[Stored]) -> None:
        for stored in batch if self._heard is not None else ():
            event = _event(stored)
            if event is not None and self._heard is not None:
                await self._heard(event)

    async def _read(self) -> tuple[int, Tally]:
        entry = await self._experiments.get(TALLY_KEY)
        tally = parse_tally(entry.value if entry else None)
        if tally is None:
            _log.error("the tally in bucket experiments cannot be read: counting begins anew from all stored outcomes")
        return (entry.revision if entry else 0), tally or Tally()

    async def _next(self, tally: Tally, fresh: Sequence[Stored]) -> Tally:
        now = self._clock.now()
        outcomes = [*tally.pending, *(read for stored in fresh if (read := _outcome(stored, now)) is not None)]
        judged = [await self._judge(outcome, now) for outcome in outcomes]
        applied = max((stored.sequence for stored in fresh), default=tally.applied)
        return apply(tally, judged, applied, self._rules)

    async def _judge(self, outcome: Pending, now: float) -> Judged:
        return judge(outcome, await self._results.get(outcome.tenant, outcome.request_id), now, self._rules)

    def _tell(self, before: Tally, after: Tally) -> None:
        lost = after.unattributed - before.unattributed
        if lost:
            _log.warning("%d outcomes belong to no known reply; unattributed so far: %d", lost, after.unattributed)

    # ------------------------------------------------------------ the weights

    async def publish(self, tally: Tally) -> None:
        """Publish the weights of every route whose evidence or variants changed since they were last published."""
        for route in self._policies.current().routes:
            await self._publish_route(tally, route.spec.name, [tier.variants for tier in route.spec.tiers])

    async def _publish_route(self, tally: Tally, route: str, tiers: Sequence[Mapping[str, float]]) -> None:
        samples = tally.samples(route)
        if samples == 0:
            return
        entry = await self._published.get(route)
        present = parse_weights(entry.value) if entry else None
        named = [set(tier) for tier in tiers]
        if present and present.samples == samples and [set(tier) for tier in present.tiers] == named:
            return
        moved = weights(tally, route, tiers, self._random, self._rules)
        if moved is None:
            return
        version = present.version + 1 if present else 1
        body = dump_weights(version, moved, at=self._clock.now(), samples=samples)
        try:
            await self._published.put(route, body, expected=entry.revision if entry else 0)
        except Conflict:
            _log.debug("another allocator published weights of route %s first", route)


def _event(stored: Stored) -> OutcomeEvent | None:
    """The event. One that cannot be read says nothing; its place still counts as read."""
    try:
        return OutcomeEvent.model_validate_json(stored.body)
    except ValidationError as error:
        _log.warning("outcome event %d cannot be read (%d problems): skipped", stored.sequence, error.error_count())
        return None


def _outcome(stored: Stored, now: float) -> Pending | None:
    """What an event says of the one who answered."""
    event = _event(stored)
    if event is None:
        return None
    return Pending(tenant=event.tenant, request_id=event.request_id, reward=event.reward, since=now)
