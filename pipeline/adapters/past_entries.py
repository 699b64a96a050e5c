"""What is kept of a draft that may turn out right or wrong: the vector of its question and what became of it, sealed.

Neither the question nor an answer is kept. An entry belongs to groups of its tenant, route, user and request, and is
erased with any of them; what expired or was erased cannot be judged any more. Only drafts that somebody or something
judged stand in the list of their partition.
"""

import logging
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import orjson

from pipeline.adapters.answer_cache import Patience, groups_of
from pipeline.adapters.answer_seals import Seals
from pipeline.adapters.embedding import DIMENSIONS
from pipeline.confidence.past import Past, judged
from pipeline.contracts import Envelope, OutcomeEvent
from pipeline.errors import StoreUnavailable
from pipeline.ports import AnswerStore, Clock, Kept

__all__ = ["GROUP", "Entry", "PastEntries"]

_log = logging.getLogger("stepwell.past")

GROUP: Final = "draft"
"""The group of a request's draft. It is not that of its answers, which are erased when one of them is wrong."""
STORE_S: Final = 0.25
_PREFIX: Final = "past:"
_VECTOR: Final = 2 * DIMENSIONS


@dataclass(frozen=True, slots=True)
class Entry:
    """A draft, where it stands, and until when.

    Attributes:
        vector: of its question; None where nobody asks for it.
        past: what became of the draft.
        partition: whose list it stands in once it is judged.
        most: how many that list holds.
        until: Unix time.
        asked_at: Unix time of the request.
        groups: under which it can be erased.
    """

    vector: bytes
    past: Past
    partition: str
    most: int
    until: float
    asked_at: float
    groups: tuple[str, ...]

    @property
    def row(self) -> Any:
        """The vector as numbers."""
        return np.frombuffer(self.vector, dtype=np.float16).astype(np.float32)


class PastEntries:
    """Reads and writes them, and takes outcomes. Belongs to one event loop.

    Args:
        store: the store of remembered answers.
        secret: key of names and seals.
        clock: the time.
    """

    def __init__(self, store: AnswerStore, secret: bytes, clock: Clock) -> None:
        self.store = store
        self.seals = Seals(secret)
        self._clock = clock
        self.patiently = Patience(clock, lambda: STORE_S)

    def key(self, tenant: str, request_id: str) -> str:
        """Where the draft of a request is kept."""
        return _PREFIX + self.seals.group(GROUP, tenant, request_id)

    def groups(self, envelope: Envelope) -> tuple[str, ...]:
        """The groups of a draft: those of its answer, but for that of the request, which is its own."""
        tenant = envelope.tenant
        own = {self.seals.group("request", tenant, envelope.id): self.seals.group(GROUP, tenant, envelope.id)}
        return tuple(own.get(group, group) for group in groups_of(envelope, self.seals))

    def opened(self, key: str, value: bytes | None) -> Entry | None:
        """What was kept under a key; None: nothing, or it was not sealed for it."""
        body = self.seals.open(key, value) if value is not None else None
        if body is None:
            return None
        past, partition, most, until, asked_at, groups = orjson.loads(body[_VECTOR:])
        return Entry(body[:_VECTOR], Past(*past), partition, most, until, asked_at, tuple(groups))

    async def keep(self, key: str, entry: Entry) -> bool:
        """Write one down, in its list where it is judged. Raises `StoreUnavailable` and `TimeoutError`."""
        left = entry.until - self._clock.now()
        if left <= 0.0:
            return False
        past = entry.past
        told = (past.variant, past.right, past.served, past.agrees, past.stands_for)
        tail = [told, entry.partition, entry.most, entry.until, entry.asked_at, entry.groups]
        sealed = self.seals.seal(key, entry.vector + orjson.dumps(tail))
        listed = entry.partition if past.right is not None else None
        kept = Kept(key, sealed, left, entry.groups, entry.asked_at, list_name=listed, list_most=entry.most)
        return await self.patiently(self.store.keep(kept))

    async def heard(self, event: OutcomeEvent) -> None:
        """An outcome arrived, perhaps again: the draft of its request is judged by it. The last one counts.

        While the store is away outcomes are lost here; records and calibration have them all the same.
        """
        key = self.key(event.tenant, event.request_id)
        try:
            entry = self.opened(key, await self.patiently(self.store.get(key)))
            if entry is not None and (past := judged(entry.past, event.reward)) != entry.past:
                await self.keep(key, replace(entry, past=past))
        except (StoreUnavailable, TimeoutError) as error:
            _log.debug("a draft is not judged: %s", type(error).__name__)
