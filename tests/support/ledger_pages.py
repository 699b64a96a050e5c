"""Streams that die in the middle of work, let others in between, and are read while they change."""

from collections.abc import AsyncIterator, Iterable, Sequence

import anyio.lowlevel

from pipeline.contracts import LedgerEntry
from pipeline.ports import Appended, Stored, Streams
from pipeline.topology import ledger_subject
from pipeline.transport.memory import matches

NOW = 4_098_945_600.0


class Died(Exception):
    """The process that folds is gone."""


class Between:
    """Streams over others. Before each act others get as many turns as `turns` says.

    The act after which `acts` are over kills who asked for it: before it is done, or after that and unheard of.
    """

    def __init__(
        self, inner: Streams, turns: Iterable[int] = (), acts: int | None = None, *, done: bool = False
    ) -> None:
        self._inner = inner
        self._turns = iter(turns)
        self._left = acts
        self._done = done

    async def _others(self) -> None:
        for _ in range(next(self._turns, 0)):
            await anyio.lowlevel.checkpoint()

    async def append(
        self, subject: str, body: bytes, *, once: str | None = None, expected: int | None = None
    ) -> Appended:
        last = await self._begin()
        appended = await self._inner.append(subject, body, once=once, expected=expected)
        self._end(last)
        return appended

    async def purge(self, subject: str, *, upto: int | None = None) -> None:
        last = await self._begin()
        await self._inner.purge(subject, upto=upto)
        self._end(last)

    async def _begin(self) -> bool:
        await self._others()
        if self._left is None:
            return False
        self._left -= 1
        if self._left < 0 and not self._done:
            raise Died
        return self._left < 0

    def _end(self, last: bool) -> None:
        if last:
            raise Died

    async def last(self, subject: str) -> Stored | None:
        await self._others()
        return await self._inner.last(subject)

    async def newest_of(self, stream: str, patterns: Sequence[str]) -> list[Stored]:
        await self._others()
        return await self._inner.newest_of(stream, patterns)

    async def following(self, stream: str, sequence: int) -> Stored | None:
        return await self._inner.following(stream, sequence)

    async def scan(self, stream: str, *, after: int = 0, subject: str | None = None) -> AsyncIterator[Stored]:
        """What stands there when its turn comes, as a server tells it."""
        while True:
            await self._others()
            stored = await self._inner.following(stream, after + 1)
            if stored is None:
                return
            after = stored.sequence
            if subject is None or matches(subject, stored.subject):
                yield stored


def entry(kind: str, request: str, step: str = "draft-1", usd: float = 0.0, **others: object) -> LedgerEntry:
    fields: dict[str, object] = {
        "kind": kind,
        "attempt": f"acme.{request}.{step}",
        "at": NOW,
        "tenant": "acme",
        "request_id": request,
        "lane": "batch",
        "stage": "draft",
        "purpose": "draft",
        "route": "chat",
        "variant": "small",
        "target": "small-eu",
        "usd": usd,
        "tokens": 7,
        "covers": ({"budget": "all", "scope": "all"},),
        "windows": ("total:0",),
        "opens": ("all",) if kind == "reserve" else (),
    }
    return LedgerEntry.model_validate({**fields, **others})


async def write(streams: Streams, line: LedgerEntry) -> int:
    body = line.model_dump_json(exclude_none=True).encode()
    return (await streams.append(ledger_subject(line.attempt, line.kind), body, expected=0)).sequence
