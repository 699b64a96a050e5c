"""What all endpoints share: who calls, their body, the client of their tenant, the time, new ids."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from pipeline.batch.engine import Engine
from pipeline.contracts import JsonObject
from pipeline.errors import InvalidRequest, NotFound
from pipeline.gateway.access import Access, Caller, Scope
from pipeline.gateway.access.credentials import refuse_in_query
from pipeline.gateway.asker import Asker
from pipeline.gateway.body import read_object
from pipeline.gateway.catalogue import Catalogue
from pipeline.gateway.lasting import Lasting, Tasks
from pipeline.gateway.limits import Limits
from pipeline.gateway.responses import JSON
from pipeline.gateway.room import Room
from pipeline.ports import Clock

__all__ = ["DONE", "Desk"]

DONE: Final[web.RequestKey[Callable[[], None]]] = web.RequestKey("done", Callable[[], None])  # type: ignore[arg-type]
"""Where a request holds what is to be called when it has ended."""


_BROKEN: Final = "the body broke off, or is not encoded as its content-encoding says"


@dataclass(frozen=True, slots=True)
class Desk:
    """One for a door; it serves all tenants.

    Attributes:
        asker_of: the client of a tenant.
        catalogue: which models a tenant may name.
        access: who may call.
        limits: what the door bears.
        clock: the time.
        new_id: ids for requests whose caller gave none.
        tasks: work that outlives its handler.
        room: how much of large bodies is held at a time.
        batches: what runs files of requests; None: this door serves none.
    """

    asker_of: Callable[[str], Asker]
    catalogue: Catalogue
    access: Access
    limits: Limits
    clock: Clock
    new_id: Callable[[], str]
    tasks: Tasks = field(default_factory=Tasks)
    room: Room = field(init=False)

    def __post_init__(self) -> None:
        """One room for all requests."""
        object.__setattr__(self, "room", Room(self.limits.bodies_bytes))

    batches: Engine | None = None

    async def caller(self, request: web.Request, scope: Scope) -> Caller:
        """Who calls.

        Raises:
            StepwellError: nobody knows them, or they may not do this.
        """
        if request.query_string:
            refuse_in_query(request.query_string)
        caller = await self.access.admit(request.headers, scope)
        if caller.done is not None:
            _at_the_end(request, caller.done)
        return caller

    async def object(self, request: web.Request) -> JsonObject:
        """The body, which has to be a JSON object; see `body`."""
        return read_object(await self.body(request))

    async def body(self, request: web.Request) -> bytes:
        """The body of a request that has to be JSON.

        Raises:
            InvalidRequest: it is said to be something else, or cannot be read.
            HTTPRequestTimeout, HTTPRequestEntityTooLarge, HTTPBadRequest: too slow, too large, or broken off.
            Overloaded: too many large ones at a time.
        """
        if request.content_type != JSON:
            raise InvalidRequest(f"send the body as {JSON}", param="content-type")
        give_back = self.room.take(request, self.limits.body_bytes)
        if give_back is not None:
            _at_the_end(request, give_back)
        try:
            if request.content.is_eof():  # small bodies come with their head
                return await request.read()
            async with asyncio.timeout(self.limits.body_s):
                return await request.read()
        except TimeoutError:
            late = f"the body did not arrive within {self.limits.body_s:g} s"
            raise web.HTTPRequestTimeout(text=late) from None
        except web.HTTPRequestEntityTooLarge:
            largest = self.limits.body_bytes
            raise web.HTTPRequestEntityTooLarge(
                largest, 0, text=f"the body is larger than the {largest} bytes that this door takes"
            ) from None
        except web.RequestPayloadError:
            raise web.HTTPBadRequest(text=_BROKEN) from None

    def asker(self, tenant: str, *, resumable: bool) -> Asker:
        """The tenant's client. A caller who goes away takes the request back, unless it may return with its key."""
        asker = self.asker_of(tenant)
        return Lasting(asker, self.tasks) if resumable else asker

    def engine(self) -> Engine:
        """What runs files of requests.

        Raises:
            NotFound: this door serves none.
        """
        if self.batches is None:
            raise NotFound("this door serves no files and no batches: ask one that is connected to NATS")
        return self.batches

    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock.now())


def _at_the_end(request: web.Request, call: Callable[[], None]) -> None:
    """Have this called when the request has ended, beside what is to be called already."""
    known = request.get(DONE)

    def both() -> None:
        call()
        if known is not None:
            known()

    request[DONE] = both if known is not None else call
