"""A client that answers as it is told, and a policy of a few names."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from types import SimpleNamespace

from pipeline.contracts import Chunk, ErrorBody, Reply, Request, Served, Usage

REVISION = "0123456789abcdef"


def answered(request: Request, content: str | None = "four", **changes: object) -> Reply:
    """A reply of the small variant."""
    fields: dict[str, object] = {
        "id": request.id,
        "tenant": request.tenant,
        "status": "answered",
        "content": content,
        "finish_reason": "stop",
        "served": Served(route="chat", variant="small", target="small", model="qwen2.5", tier=0, tiers=2),
        "attempts": 1,
        "confidence": 0.9312345,
        "cache": "miss",
        "usage": Usage(input_tokens=12, output_tokens=3, cached_tokens=4),
        "cost_usd": 0.000125,
        "policy_revision": REVISION,
        "fingerprint": "f",
        "audit_id": "producer-7",
    }
    return Reply(**(fields | changes))


def ended(request: Request, status: str, code: str, **error: object) -> Reply:
    """A reply that refuses or fails."""
    body = ErrorBody(code=code, message=f"because of {code}.", **error)
    return answered(request, None, status=status, served=None, error=body)


class FakeAsker:
    """Replies with what `reply` makes of the request; streams `pieces` before. Remembers what became of everything."""

    def __init__(
        self,
        reply: Callable[[Request], Reply] = answered,
        pieces: Sequence[str | Exception] = (),
        hold: bool = False,
    ) -> None:
        self.reply = reply
        self.pieces = pieces
        self.hold = hold
        self.asked: list[Request] = []
        self.traces: list[str | None] = []
        self.fresh: list[bool] = []
        self.started = asyncio.Event()
        self.released = asyncio.Event()
        self.taken_back = asyncio.Event()
        self.finished = asyncio.Event()

    async def ask(self, request: Request, *, traceparent: str | None = None, fresh: bool = False) -> Reply:
        return await self._answer(request, traceparent, fresh)

    async def stream(
        self, request: Request, *, traceparent: str | None = None, fresh: bool = False
    ) -> AsyncIterator[Chunk | Reply]:
        try:
            for seq, piece in enumerate(self.pieces):
                if isinstance(piece, Exception):
                    raise piece
                yield Chunk(seq=seq, text=piece)
            yield await self._answer(request, traceparent, fresh)
        except GeneratorExit:
            self.taken_back.set()
            raise

    async def _answer(self, request: Request, traceparent: str | None, fresh: bool) -> Reply:
        self.asked.append(request)
        self.traces.append(traceparent)
        self.fresh.append(fresh)
        self.started.set()
        try:
            if self.hold:
                await self.released.wait()
        except asyncio.CancelledError:
            self.taken_back.set()
            raise
        self.finished.set()
        return self.reply(request)


class Names:
    """A policy that has these routes and variants; `own` are those that one tenant alone may name."""

    def __init__(
        self,
        routes: Sequence[str] = ("chat", "labels"),
        variants: Sequence[str] = ("small", "large"),
        own: Mapping[str, str] | None = None,
        passes: Collection[str] = (),
    ) -> None:
        self.routes = routes
        self.variants = variants
        self.own = own or {}
        self.passes = frozenset(passes)
        self.revision = REVISION

    def current(self) -> SimpleNamespace:
        routes = tuple(SimpleNamespace(spec=SimpleNamespace(name=name)) for name in self.routes)
        return SimpleNamespace(revision=self.revision, routes=routes, variants_of=self.variants_of, passes=self.passes)

    def variants_of(self, tenant: str) -> tuple[str, ...]:
        return (*self.variants, *(name for whose, name in self.own.items() if whose == tenant))
