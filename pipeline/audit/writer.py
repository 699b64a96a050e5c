"""The writer of the chained log: group commit, retries with the same bytes, and a new chain when in doubt.

One batch is under way at a time; what arrives meanwhile forms the next one. So the log keeps up with any number of
requests at the price of one round trip, and a lone record never waits for company.

When an append is not confirmed, nobody knows whether the bytes were stored. The writer offers the same bytes again
under the same id, which the stream stores once. When that does not help either, or when a later record was stored
before an earlier one, the chain ends there: the requests concerned are told to try again, and the next record starts
a new chain whose first record names those in doubt. A verifier therefore never mistakes trouble for tampering.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.audit.chain import Chain, Link, dump
from pipeline.contracts import Unconfirmed
from pipeline.errors import Transient, TransportUnavailable
from pipeline.ports import Appended, AuditReference, Clock, Streams
from pipeline.topology import audit_subject

__all__ = ["ChainedAuditLog", "producer_name"]

BATCH: Final = 256
"""Records in one batch at most: it bounds what a first record may have to name as unconfirmed."""


def producer_name() -> str:
    """A name that no other process has: 16 random hexadecimal digits."""
    return secrets.token_hex(8)


@dataclass(slots=True)
class _Waiting:
    """A record whose request waits for it."""

    subject: str
    dumped: bytes
    done: "asyncio.Future[AuditReference]"


@dataclass(slots=True)
class _Sent:
    """A chained record on its way."""

    waiting: _Waiting
    link: Link
    sequence: int = 0
    error: BaseException | None = None


class ChainedAuditLog:
    """An `AuditLog` over durable streams.

    Args:
        streams: where records go.
        producer: name of this process' chain, unique for each start; `producer_name()` makes one.
        clock: for patience.
        patience_s: how long one batch is offered again before its chain is given up. Well under the stream's window
            of ids, within which the same bytes are stored once.
        pause_s: pause before the first repeated offer; it doubles each time.
    """

    def __init__(
        self, streams: Streams, producer: str, clock: Clock, *, patience_s: float = 5.0, pause_s: float = 0.02
    ) -> None:
        self._streams = streams
        self._name = producer
        self._clock = clock
        self._patience_s = patience_s
        self._pause_s = pause_s
        self._chain = Chain(producer)
        self._epoch = 0
        self._doubt: list[Unconfirmed] = []
        self._queue: deque[_Waiting] = deque()
        self._writing: asyncio.Task[None] | None = None

    @property
    def producer(self) -> str:
        """The name of the present chain."""
        return self._chain.producer

    async def append(self, fields: Mapping[str, object]) -> AuditReference:
        """Append a record; return when it is durable.

        Args:
            fields: those of `contracts.AuditRecord`, or of another record with its kind, but for producer, n, prev and
                unconfirmed.

        Raises:
            TransportUnavailable: it was not confirmed; it may be stored or not, and another append is safe.
        """
        subject = audit_subject(str(fields["tenant"]), str(fields.get("kind", "decision")))
        waiting = _Waiting(subject, dump(fields), asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._drain())
        return await waiting.done

    async def close(self) -> None:
        """Wait until everything that was handed in is stored or given up."""
        while self._writing is not None and not self._writing.done():
            await asyncio.wait({self._writing})

    # ------------------------------------------------------------ one batch after the other

    async def _drain(self) -> None:
        while self._queue:
            await self._commit(self._take())

    def _take(self) -> list[_Sent]:
        """Chain the next records. The first of a chain goes alone: until it is confirmed there is nothing to lose."""
        size = 1 if self._chain.n == 0 else min(BATCH, len(self._queue))
        doubt = self._doubt if self._chain.n == 0 else ()
        taken = [self._queue.popleft() for _ in range(size)]
        return [_Sent(waiting, self._chain.link(waiting.dumped, doubt)) for waiting in taken]

    async def _commit(self, batch: list[_Sent]) -> None:
        begun, pause, open_ones = self._clock.monotonic(), self._pause_s, batch
        while True:
            await self._offer(open_ones)
            open_ones = [sent for sent in open_ones if not sent.sequence]
            strayed = _strayed(batch)
            tired = self._clock.monotonic() - begun >= self._patience_s
            if not open_ones and not strayed:
                return
            if strayed or tired or not all(isinstance(sent.error, Transient) for sent in open_ones):
                self._give_up(batch, strayed)
                return
            await asyncio.sleep(pause)
            pause *= 2

    async def _offer(self, batch: Sequence[_Sent]) -> None:
        """Send all, in order, without waiting in between; then settle each by what came back."""
        if len(batch) == 1:
            await self._send(batch[0])
        else:
            await asyncio.gather(*[self._send(sent) for sent in batch])

    async def _send(self, sent: _Sent) -> None:
        link = sent.link
        try:
            stored: Appended = await self._streams.append(sent.waiting.subject, link.body, once=link.audit_id)
        except Exception as error:  # noqa: BLE001  whatever it was, the record is in doubt and its request has to know
            sent.error = error
            return
        sent.sequence = stored.sequence
        if not sent.waiting.done.done():
            sent.waiting.done.set_result(AuditReference(link.audit_id, stored.sequence, link.digest))

    def _give_up(self, batch: Sequence[_Sent], strayed: Sequence[_Sent]) -> None:
        """End this chain and note which of its records are in doubt."""
        late = {sent.link.n for sent in strayed}
        in_doubt = [sent for sent in batch if not sent.sequence or sent.link.n in late]
        if batch[0].link.n > 0:  # a lone first record leaves no hole, whatever became of it: the older doubt stays
            self._doubt = [_in_doubt(sent.link) for sent in in_doubt]
        for sent in in_doubt:
            if not sent.waiting.done.done():
                sent.waiting.done.set_exception(_unconfirmed(sent))
        self._epoch += 1
        self._chain = Chain(f"{self._name}-{self._epoch}")


def _strayed(batch: Sequence[_Sent]) -> list[_Sent]:
    """Records that do not stand in the log, or stand too late, although a later one of their chain is there."""
    strayed: list[_Sent] = []
    earliest_after = 0
    for sent in reversed(batch):
        if earliest_after and (not sent.sequence or sent.sequence > earliest_after):
            strayed.append(sent)
        elif sent.sequence:
            earliest_after = sent.sequence
    return strayed


def _in_doubt(link: Link) -> Unconfirmed:
    return Unconfirmed.model_construct(producer=link.producer, n=link.n, sha256=link.digest)


def _unconfirmed(sent: _Sent) -> BaseException:
    if sent.error is None or isinstance(sent.error, Transient):
        return TransportUnavailable("the audit record was not confirmed: the request will be tried again")
    return sent.error
