"""What happens to remembered answers that somebody says are wrong: they are erased, and likeness becomes stricter.

An outcome with reward 0 says so, and one of the kind `wrong` with a reward below one half. It erases what is remembered
of the request that it names, and the answer that this request was served. Where that was found by likeness, it counts
as a wrong hit: from the third on, and where more than one hit in a hundred was wrong since the floor last rose, the
floor of tenant and route rises a little above the similarity of that hit. What was learned is forgotten after a month
without another wrong hit.
"""

import logging
from collections import deque
from typing import Final

from pipeline.adapters.answer_seals import Seals
from pipeline.contracts import OutcomeEvent
from pipeline.errors import StoreUnavailable
from pipeline.ports import AnswerStore, Clock, ResultStore

__all__ = ["Corrections", "says_wrong"]

_log = logging.getLogger("stepwell.corrections")

_WAITING: Final = 1000


def says_wrong(event: OutcomeEvent) -> bool:
    """Whether an outcome says that the answer was wrong."""
    return event.reward == 0.0 or (event.kind == "wrong" and event.reward < 0.5)


class Corrections:
    """Takes outcomes and erases what was wrong. The same outcome may come again; while the store is away, they wait.

    Args:
        store: the answers.
        secret: key of their names.
        results: replies, which say what a request was served.
        clock: the time.
    """

    def __init__(self, store: AnswerStore, secret: bytes, results: ResultStore, clock: Clock) -> None:
        self._store = store
        self._seals = Seals(secret)
        self._results = results
        self._clock = clock
        self._waiting: deque[OutcomeEvent] = deque(maxlen=_WAITING)

    async def heard(self, event: OutcomeEvent) -> None:
        """An outcome arrived. Raises `errors.Transient` where the reply of its request cannot be read."""
        if says_wrong(event):
            self._waiting.append(event)
        while self._waiting:
            try:
                await self._correct(self._waiting[0])
            except StoreUnavailable as error:
                _log.warning("%d outcomes wait until remembered answers can be erased: %s", len(self._waiting), error)
                return
            self._waiting.popleft()

    async def _correct(self, event: OutcomeEvent) -> None:
        tenant, now = event.tenant, self._clock.now()
        reply = await self._results.get(tenant, event.request_id)
        served = reply.remembered if reply is not None else None
        wrong = {event.request_id} | ({served.request_id} if served is not None else set())
        erased = sum([await self._store.erase(self._seals.group("request", tenant, one), now) for one in sorted(wrong)])
        _log.info("an answer was said to be wrong: %d remembered values are erased", erased)
        if reply is None or reply.served is None or served is None or served.similarity is None:
            return
        name = self._seals.group("floor", tenant, reply.served.route)
        event_name = self._seals.group("event", tenant, event.id)
        raised = await self._store.wrong(name, event_name, served.similarity)
        if raised is not None:
            _log.warning("route %s asks for a similarity of %.3f from now on", reply.served.route, raised)
