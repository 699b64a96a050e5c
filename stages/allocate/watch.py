"""The loop that watches kept answers: read records and outcomes, weigh them, let routes fall back."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from pipeline.adapters.watch import BOOK_KEY, Book, RouteWatch, parse_book, parse_fallen, route_key
from pipeline.contracts import AuditRecord, OutcomeEvent
from pipeline.contracts.records import parse_record
from pipeline.errors import Transient
from pipeline.experiments.outcomes import OUTCOMES
from pipeline.policy.source import PolicySource
from pipeline.ports import Bucket, Clock, Conflict, ResultStore, Stored, Streams
from pipeline.telemetry.watching import watched
from stages.allocate.kept import Seen, after, fallen, seen_in_outcome, seen_in_record

__all__ = ["EVERY_S", "Watch"]

_log = logging.getLogger("stepwell.watch")

EVERY_S: Final = 5.0
BATCH: Final = 200
RACES: Final = 20
"""Lost races against other watchers after which this one leaves the round to them."""
AUDIT: Final = "AUDIT"


class Watch:
    """Watches kept answers. Any number may run: what is known changes by compare-and-set alone.

    Args:
        streams: where records and outcomes are.
        results: replies, which say who served a request.
        bucket: `calibration`.
        policies: routes with what they promise.
        clock: the time.
        every_s: seconds between two rounds.
    """

    def __init__(
        self,
        streams: Streams,
        results: ResultStore,
        bucket: Bucket,
        policies: PolicySource,
        clock: Clock,
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._streams = streams
        self._results = results
        self._bucket = bucket
        self._policies = policies
        self._clock = clock
        self._every_s = every_s
        self._flagged: set[tuple[str, str | None]] = set()

    async def run(self) -> None:
        """Work until cancelled. A store that is away is waited for."""
        while True:
            try:
                await self.round()
            except Transient as error:
                _log.warning("no round of watching: %s", error.message)
            await asyncio.sleep(self._every_s)

    async def round(self) -> Book:
        """Read everything that is new, in batches, and publish after each."""
        book = await self._read()
        await self._publish(book[1])
        for stream, upto in ((AUDIT, book[1].records), (OUTCOMES, book[1].outcomes)):
            batch: list[Stored] = []
            async for stored in self._streams.scan(stream, after=upto):
                batch.append(stored)
                if len(batch) >= BATCH:
                    await self._learn(stream, batch)
                    batch = []
            if batch:
                await self._learn(stream, batch)
        return (await self._read())[1]

    async def _read(self) -> tuple[int, Book]:
        entry = await self._bucket.get(BOOK_KEY)
        return (entry.revision if entry else 0), parse_book(entry.value if entry else None)

    async def _learn(self, stream: str, batch: Sequence[Stored]) -> None:
        """Weigh a batch, each message of it exactly once whoever else does so too."""
        for _ in range(RACES):
            revision, book = await self._read()
            place = book.records if stream == AUDIT else book.outcomes
            fresh = [stored for stored in batch if stored.sequence > place]
            if not fresh:
                return
            seen = [one for stored in fresh if (one := await self._seen(stream, stored)) is not None]
            upto = {"records" if stream == AUDIT else "outcomes": fresh[-1].sequence}
            following = after(book, seen).model_copy(update=upto)
            try:
                await self._bucket.put(BOOK_KEY, following.model_dump_json().encode(), expected=revision)
            except Conflict:
                continue
            await self._publish(following)
            return

    async def _seen(self, stream: str, stored: Stored) -> Seen | None:
        """What a message says. One that cannot be read says nothing; its place still counts as read."""
        policy = self._policies.current()
        try:
            if stream == AUDIT:
                record = parse_record(stored.body)
                return seen_in_record(record, policy) if isinstance(record, AuditRecord) else None
            event = OutcomeEvent.model_validate_json(stored.body)
        except ValidationError as error:
            _log.warning("message %d of %s cannot be read (%d problems)", stored.sequence, stream, error.error_count())
            return None
        return seen_in_outcome(await self._results.get(event.tenant, event.request_id), event.reward, policy)

    # ------------------------------------------------------------ what follows

    async def _publish(self, book: Book) -> None:
        """Let the routes fall back that are suspected enough, and take back what another calibrator makes void."""
        for route in self._policies.current().routes:
            name = route.spec.name
            own = route.calibrator.name if route.calibrator is not None else None
            state = book.routes.get(name)
            if state is not None and state.calibrator == own:
                self._tell(name, state)
                await self._publish_route(name, own, state)
            else:
                await self._publish_route(name, own, None)

    async def _publish_route(self, name: str, own: str | None, state: RouteWatch | None) -> None:
        entry = await self._bucket.get(route_key(name))
        present = parse_fallen(entry.value) if entry is not None else None
        found = fallen(name, state, self._clock.now()) if state is not None else None
        if present is not None and present.calibrator != own and found is None:
            body = b"null"
        elif found is not None and (present is None or present.calibrator != own):
            body = found.model_dump_json().encode()
        else:
            return
        try:
            await self._bucket.put(route_key(name), body, expected=entry.revision if entry else 0)
        except Conflict:
            return  # another watcher was first
        if found is not None:
            _log.error("route %s falls back: %s", name, found.sentence)

    def _tell(self, name: str, state: RouteWatch) -> None:
        """Metrics, and once for each calibrator a line where scores moved."""
        evidence = max((part.suspicion.evidence for part in state.segments.values()), default=1.0)
        watched(name, evidence, state.index, down=fallen(name, state, 0.0) is not None)
        if state.scores.moved and (name, state.calibrator) not in self._flagged:
            self._flagged.add((name, state.calibrator))
            found = (state.index, state.distance or 0.0)
            _log.warning("route %s: scores of drafts have moved (index %.2f, %.2f apart): calibrate anew", name, *found)
