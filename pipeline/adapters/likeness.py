"""Questions of like meaning: candidates for an answer that was given to another question.

Beside an answer, its question is kept with its vector, sealed, in Valkey; all workers share it. Each worker has an
index of the vectors of those partitions that it is asked about, filled from there bit by bit. The index only finds
candidates, and what it finds is read from the store again: what was erased is gone everywhere at once.

A partition is everything that two requests must have in common but the last question, and whose they are: of one
session, of one user, or of one tenant. A request that names no user has no partition within users.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson

from pipeline.adapters.answer_cache import AnswerCache, Patience, groups_of, reason_of, should_store
from pipeline.adapters.answer_identity import last_question, surroundings
from pipeline.adapters.embedding import DIMENSIONS, MODEL, Batches
from pipeline.adapters.question_vectors import Known
from pipeline.adapters.vector_index import VectorIndex
from pipeline.contracts import CacheHit, Envelope
from pipeline.disclosure.guard import as_it_is
from pipeline.errors import PartMissing, StoreUnavailable
from pipeline.policy.models import SemanticCache
from pipeline.ports import Clock, Kept

__all__ = ["ENCODE_S", "HELD", "Alike", "Candidate", "Likeness"]

_log = logging.getLogger("stepwell.likeness")

ENCODE_S: Final = 0.25
"""How long a request waits for its vector."""
STORE_S: Final = 0.25
"""How long it waits for the store, each time."""
HELD: Final = 50_000
"""Vectors in the memory of a worker; partitions that nobody asked about for longest make room."""
_PAGE: Final = 256
_PAGES: Final = 4
_FLOOR_S: Final = 5.0
_NOTES: Final = 64
_NEAR: Final = "near:"
_TOLD: Final = 16
"""Characters of a digest that name a question where it is told of."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A remembered question, how alike it is (the cosine), the key of its answer, and who may see it as it is.

    `name`: a digest that it is told by; without the secret it says nothing of the question.
    """

    question: str
    similarity: float
    key: str
    seen_by: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Alike:
    """The question asked and the candidates, the most alike first; or the reason why nothing was compared."""

    question: str = ""
    candidates: tuple[Candidate, ...] = ()
    reason: str | None = None


class Likeness:
    """Finds questions that are alike, and keeps new ones. Belongs to one event loop.

    Args:
        answers: the answers, with the store and the seals.
        batches: gives vectors.
        clock: the time.
    """

    def __init__(self, answers: AnswerCache, batches: Batches, clock: Clock) -> None:
        self._answers = answers
        self._batches = batches
        self._clock = clock
        # Its own: where comparing is too slow, the very same question is looked up all the same.
        self._patiently = Patience(clock, lambda: STORE_S)
        self._partitions: OrderedDict[str, VectorIndex] = OrderedDict()
        self._floors: dict[str, tuple[float, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._missing = False

    async def warm(self) -> None:
        """Have the encoder read before the first request asks for a vector."""
        try:
            await self._batches.vector("")
        except PartMissing as error:
            self._without(error)

    # ------------------------------------------------------------ looking

    def compares(self, envelope: Envelope, spec: SemanticCache) -> bool:
        """Whether the request has a question that may be compared with others."""
        return last_question(envelope.request) is not None and self._whose(envelope, spec) is not None

    async def find(self, envelope: Envelope, spec: SemanticCache, known: Known | None = None) -> Alike:
        """Remembered questions that may mean the same as this one. Never raises.

        `known`: the vector of the question, where a target made it; None: the encoder that comes along makes one.
        """
        question, name = last_question(envelope.request), self._partition(envelope, spec, known)
        missing = known is None and self._missing
        if question is None or name is None or missing:
            return Alike(reason="no_encoder" if missing else "nothing_to_compare")
        try:
            partition = await self._filled(name, DIMENSIONS if known is None else len(known.row))
            if not partition.names:
                return Alike(question)
            vector = known.row if known is not None else await self._encoded(question)
            floor = await self._floor(envelope, spec)
            # What is added in a thread meanwhile must neither be searched nor removed.
            async with partition.lock:
                near = [one for one in partition.nearest(vector, spec.candidates) if one[1] >= floor]
                return Alike(question, await self._candidates(partition, near))
        except PartMissing as error:
            return self._without(error)
        except TimeoutError:
            return Alike(reason="encoder_slow")
        except StoreUnavailable as error:
            return Alike(reason=reason_of(error))

    async def _encoded(self, question: str) -> Any:
        async with asyncio.timeout(ENCODE_S):
            return await self._batches.vector(question)

    async def answer(self, candidate: Candidate) -> CacheHit | None:
        """The answer to a candidate's question; None: it is gone."""
        try:
            hit = await self._patiently(self._answers.answer_under(candidate.key))
        except (StoreUnavailable, TimeoutError):
            return None
        similarity = round(candidate.similarity, 4)
        return hit and hit.model_copy(update={"kind": "semantic", "similarity": similarity})

    def served(self, envelope: Envelope) -> None:
        """A hit by likeness was served: count it, in the background."""
        if envelope.plan is not None:
            self._later(self._count(self._learned(envelope.tenant, envelope.plan.route)))

    async def _candidates(self, partition: VectorIndex, near: Sequence[tuple[str, float]]) -> tuple[Candidate, ...]:
        values = await self._patiently(self._answers.store.many([name for name, _ in near]))
        found = []
        for (name, similarity), value in zip(near, values, strict=True):
            body = self._answers.seals.open(name, value) if value is not None else None
            if body is None:
                partition.drop(name)
                continue
            question, key, *seen_by = orjson.loads(body[partition.size :])
            found.append(Candidate(question, similarity, key, tuple(seen_by), name.removeprefix(_NEAR)[:_TOLD]))
        return tuple(found)

    async def _floor(self, envelope: Envelope, spec: SemanticCache) -> float:
        """The similarity below which nothing is a candidate: the highest of policy, caller and what was learned."""
        name = self._learned(envelope.tenant, envelope.plan.route if envelope.plan else "")
        known, until = self._floors.get(name, (0.0, float("-inf")))
        now = self._clock.monotonic()
        if now >= until:
            learned: float | None = await self._patiently(self._answers.store.floor(name))
            known = learned or 0.0
            if len(self._floors) >= _NOTES * _NOTES:
                self._floors.clear()
            self._floors[name] = (known, now + _FLOOR_S)
        return max(spec.similarity, known, envelope.request.cache_similarity or 0.0)

    # ------------------------------------------------------------ keeping

    def note(self, envelope: Envelope, spec: SemanticCache, ttl_s: float, known: Known | None = None) -> None:
        """Keep the question of an answer that was remembered, in the background. It may be lost.

        `known`: its vector, where a target made it.
        """
        question, name = last_question(envelope.request), self._partition(envelope, spec, known)
        fit = question is not None and name is not None and should_store(envelope)
        missing = known is None and self._missing
        if fit and question and name and not missing and len(self._tasks) < _NOTES:
            self._later(self._keep(envelope, question, name, spec, ttl_s, known))

    async def _keep(
        self, envelope: Envelope, question: str, partition: str, spec: SemanticCache, ttl_s: float, known: Known | None
    ) -> None:
        try:
            vector = known.row if known is not None else await self._batches.vector(question)
            answers = self._answers
            name = _NEAR + answers.seals.name(partition.encode(), question.encode())
            body = vector.astype(np.float16).tobytes() + orjson.dumps(
                [question, answers.key(envelope), *_seen_by(envelope, spec)]
            )
            groups = tuple(groups_of(envelope, answers.seals))
            sealed = answers.seals.seal(name, body)
            kept = Kept(name, sealed, ttl_s, groups, envelope.received_at, list_name=partition, list_most=spec.most)
            await self._patiently(answers.store.keep(kept))
        except PartMissing as error:
            self._without(error)
        except (StoreUnavailable, TimeoutError) as error:
            _log.debug("a question is not kept: %s", type(error).__name__)

    async def close(self) -> None:
        """Finish what is being kept."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._batches.close()

    # ------------------------------------------------------------ inside

    def _whose(self, envelope: Envelope, spec: SemanticCache) -> str | None:
        request = envelope.request
        return {"session": request.session, "user": request.user, "tenant": ""}[spec.within]

    def _partition(self, envelope: Envelope, spec: SemanticCache, known: Known | None = None) -> str | None:
        whose = self._whose(envelope, spec)
        if whose is None:
            return None
        parts = [MODEL, spec.within, whose]
        if known is not None:  # vectors of another encoder, or of another length, are never met
            parts = [f"{known.encoder}/{len(known.row)}", spec.within, whose]
        named = [part.encode("utf-8", "surrogatepass") for part in parts]
        return self._answers.seals.name(b"near", *named, surroundings(envelope))

    def _learned(self, tenant: str, route: str) -> str:
        return self._answers.seals.group("floor", tenant, route)

    async def _filled(self, name: str, dimensions: int) -> VectorIndex:
        """The partition with what came since it was last asked about, as far as there is time."""
        partition = self._partitions.get(name)
        if partition is None:
            partition = self._partitions[name] = VectorIndex(dimensions)
        self._partitions.move_to_end(name)
        async with partition.lock:
            for _ in range(_PAGES):
                if not await self._read_on(name, partition):
                    break
        while len(self._partitions) > 1 and sum(len(one.names) for one in self._partitions.values()) > HELD:
            self._partitions.popitem(last=False)
        return partition

    async def _read_on(self, name: str, partition: VectorIndex) -> bool:
        """Take in one page. Whether there is more."""
        answers = self._answers
        newer = await self._patiently(answers.store.newer(name, partition.read_to))
        page = newer[:_PAGE]
        values = await self._patiently(answers.store.many([key for key, _ in page])) if page else []
        entries = []
        for (key, place), value in zip(page, values, strict=True):
            body = answers.seals.open(key, value) if value is not None else None
            if body is not None:
                row = np.frombuffer(body[: partition.size], dtype=np.float16)
                entries.append((key, place, row.astype(np.float32)))
        if entries:
            await asyncio.to_thread(partition.add, entries)
        if page:
            partition.read_to = page[-1][1]
        return len(newer) > _PAGE

    async def _count(self, name: str) -> None:
        try:
            await self._patiently(self._answers.store.served(name))
        except (StoreUnavailable, TimeoutError):
            return

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _without(self, error: PartMissing) -> Alike:
        if not self._missing:
            _log.error("answers to questions of like meaning are off: %s", error.message)
        self._missing = True
        return Alike(reason="no_encoder")


def _seen_by(envelope: Envelope, spec: SemanticCache) -> list[str]:
    """The targets that may see the question as it is. Nobody knows later what was found in it."""
    if spec.verifier is None or envelope.classification is None:
        return []
    return [decision.target for decision in envelope.classification.residency if as_it_is(decision)]
