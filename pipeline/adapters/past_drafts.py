"""Judged drafts to questions like the one that is asked, of one tenant, route and variant, and how they fared.

Each worker has an index of the vectors of those partitions that it is asked about, filled from the store bit by bit.
What it finds is read from the store again, so that what was erased is gone everywhere at once and a verdict that
changed counts as it is now.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import orjson

from pipeline.adapters.answer_cache import reason_of
from pipeline.adapters.answer_identity import last_question
from pipeline.adapters.embedding import DIMENSIONS, MODEL, Batches
from pipeline.adapters.past_entries import Entry, PastEntries
from pipeline.adapters.vector_index import VectorIndex
from pipeline.confidence.past import draft_of
from pipeline.confidence.signals import Near, Nearby
from pipeline.contracts import Envelope
from pipeline.disclosure.guard import may_keep
from pipeline.errors import PartMissing, StoreUnavailable
from pipeline.policy import Policy
from pipeline.policy.models import PastErrors
from pipeline.ports import Clock

__all__ = ["ENCODE_S", "HELD", "Looked", "PastDrafts"]

_log = logging.getLogger("stepwell.past")

ENCODE_S: Final = 0.25
"""How long a request waits for its vector."""
HELD: Final = 50_000
"""Vectors in the memory of a worker; partitions that nobody asked about for longest make room."""
_PAGE: Final = 256
_PAGES: Final = 4
_NOTES: Final = 64


@dataclass(frozen=True, slots=True)
class Looked:
    """How drafts nearby fared, or the reason why nobody knows."""

    nearby: Nearby | None = None
    reason: str | None = None


class _Partition(VectorIndex):
    """An index with the verdicts that were read with its vectors; what all of them say need not be of this moment."""

    def __init__(self) -> None:
        super().__init__(DIMENSIONS)
        self.verdicts: dict[str, tuple[bool, float]] = {}

    def take(self, entries: Sequence[tuple[str, int, Entry]], most: int) -> None:
        """Take entries in; the oldest make room."""
        self.add([(name, place, entry.row) for name, place, entry in entries])
        for name, _, entry in entries:
            self.verdicts[name] = (bool(entry.past.right), entry.past.stands_for)
        while len(self.names) > most:
            self.drop(next(iter(self.names.values())))

    def drop(self, name: str) -> None:
        """Forget an entry and its verdict."""
        super().drop(name)
        self.verdicts.pop(name, None)

    @property
    def prior(self) -> float | None:
        """The share of right drafts."""
        weights = sum(weight for _, weight in self.verdicts.values())
        return sum(weight for right, weight in self.verdicts.values() if right) / weights if weights else None


class PastDrafts:
    """Finds judged drafts nearby, and keeps new ones. Belongs to one event loop.

    Args:
        entries: what is kept.
        batches: gives vectors.
        clock: the time.
    """

    def __init__(self, entries: PastEntries, batches: Batches, clock: Clock) -> None:
        self._entries = entries
        self._batches = batches
        self._clock = clock
        self._partitions: OrderedDict[str, _Partition] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._missing = False

    async def warm(self) -> None:
        """Have the encoder read before the first request asks for a vector."""
        try:
            await self._batches.vector("")
        except PartMissing as error:
            self._without(error)

    async def near(self, envelope: Envelope, variant: str, policy: Policy, spec: PastErrors) -> Looked:
        """How judged drafts of this variant to questions like this one fared. Never raises."""
        question = _question(envelope, policy)
        if question is None or self._missing:
            return Looked(reason="no_encoder" if self._missing else "nothing_to_compare")
        try:
            partition = await self._filled(self._partition(envelope, variant, policy), spec.most)
            if not partition.names:
                return Looked(Nearby())
            async with asyncio.timeout(ENCODE_S):
                vector = await self._batches.vector(question)
            async with partition.lock:
                found = partition.nearest(vector, spec.nearest)
                near = await self._read(partition, found)
                return Looked(Nearby(near, partition.prior))
        except PartMissing as error:
            return self._without(error)
        except StoreUnavailable as error:
            return Looked(reason=reason_of(error))
        except TimeoutError:
            return Looked(reason="too_slow")

    def note(self, envelope: Envelope, policy: Policy, spec: PastErrors) -> None:
        """Keep the draft of a request that ends, in the background. It may be lost."""
        question, past = _question(envelope, policy), draft_of(envelope)
        if question is None or past is None or self._missing or len(self._tasks) >= _NOTES:
            return
        entry = Entry(
            vector=b"",
            past=past,
            partition=self._partition(envelope, past.variant, policy),
            most=spec.most,
            until=self._clock.now() + spec.ttl,
            asked_at=envelope.received_at,
            groups=self._entries.groups(envelope),
        )
        task = asyncio.ensure_future(self._keep(self._entries.key(envelope.tenant, envelope.id), question, entry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Finish what is being kept."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------ inside

    async def _keep(self, key: str, question: str, entry: Entry) -> None:
        try:
            vector = await self._batches.vector(question)
            await self._entries.keep(key, replace(entry, vector=vector.astype(np.float16).tobytes()))
        except PartMissing as error:
            self._without(error)
        except (StoreUnavailable, TimeoutError) as error:
            _log.debug("a draft is not kept: %s", type(error).__name__)

    async def _filled(self, name: str, most: int) -> _Partition:
        """The partition with what came since it was last asked about, as far as there is time."""
        partition = self._partitions.get(name)
        if partition is None:
            partition = self._partitions[name] = _Partition()
        self._partitions.move_to_end(name)
        async with partition.lock:
            for _ in range(_PAGES):
                if not await self._read_on(name, partition, most):
                    break
        while len(self._partitions) > 1 and sum(len(one.names) for one in self._partitions.values()) > HELD:
            self._partitions.popitem(last=False)
        return partition

    async def _read_on(self, name: str, partition: _Partition, most: int) -> bool:
        """Take in one page. Whether there is more."""
        entries = self._entries
        newer = await entries.patiently(entries.store.newer(name, partition.read_to))
        page = newer[:_PAGE]
        values = await entries.patiently(entries.store.many([key for key, _ in page])) if page else []
        fresh = [
            (key, place, entry)
            for (key, place), value in zip(page, values, strict=True)
            if (entry := entries.opened(key, value)) is not None and entry.past.right is not None
        ]
        if fresh:
            await asyncio.to_thread(partition.take, fresh, most)
        if page:
            partition.read_to = page[-1][1]
        return len(newer) > _PAGE

    async def _read(self, partition: _Partition, found: Sequence[tuple[str, float]]) -> tuple[Near, ...]:
        """What was found, as it is kept now."""
        values = await self._entries.patiently(self._entries.store.many([name for name, _ in found]))
        near = []
        for (name, similarity), value in zip(found, values, strict=True):
            entry = self._entries.opened(name, value)
            if entry is None or entry.past.right is None:
                partition.drop(name)
                continue
            near.append(Near(similarity, entry.past.right, entry.past.stands_for))
        return tuple(near)

    def _partition(self, envelope: Envelope, variant: str, policy: Policy) -> str:
        route = envelope.plan.route if envelope.plan is not None else ""
        parts = (MODEL, envelope.tenant, route, variant, _definition(variant, policy))
        return self._entries.seals.name(b"past", *(part.encode("utf-8", "surrogatepass") for part in parts))

    def _without(self, error: PartMissing) -> Looked:
        if not self._missing:
            _log.error("past errors at questions like the one asked are off: %s", error.message)
        self._missing = True
        return Looked(reason="no_encoder")


def _question(envelope: Envelope, policy: Policy) -> str | None:
    """The question that is compared; None: there is none, or it may not be kept."""
    if envelope.request.cache == "off" or not may_keep("cache", envelope.classification, policy):
        return None
    return last_question(envelope.request)


def _definition(variant: str, policy: Policy) -> str:
    """A digest of what answers under this name: drafts of another prompt or model are another one's."""
    made = policy.variants.get(variant)
    target = policy.targets.get(made.target) if made is not None else None
    told: Any = [made.model_dump(mode="json") if made else None, [target.provider, target.model] if target else None]
    return blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
