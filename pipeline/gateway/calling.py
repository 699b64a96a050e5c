"""From a chat completion, in whatever dialect it came, to the cascade and back: what its endpoints have in common."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pipeline.contracts import Chunk, JsonObject, Reply
from pipeline.gateway.access import Caller
from pipeline.gateway.desk import Desk
from pipeline.gateway.openai import Call, to_call

__all__ = ["ask", "prepare", "streaming"]


def prepare(desk: Desk, caller: Caller, fields: JsonObject, headers: Mapping[str, str], *, alone: bool = True) -> Call:
    """Read the body of a chat completion for a caller; every request gets an id. `alone`: see `to_call`.

    Raises:
        InvalidRequest, UnsupportedParameter, UnknownModel: see `to_call`; or the tenant may not name the model.
        PermissionDenied: the caller's key or token does not open the model, or the lane.
    """
    call = to_call(fields, headers, caller.tenant, desk.catalogue.passes, alone=alone)
    model = call.request.route or call.model
    caller.check_model(model)
    caller.check_lane(call.request.lane)
    desk.catalogue.check(model, call.request.tenant)
    return call.of(call.request.id or desk.new_id(), caller.key_id)


async def ask(desk: Desk, call: Call) -> Reply:
    """Await the reply. Cancelling takes the request back, unless its caller may return for it."""
    asker = desk.asker(call.request.tenant, resumable=call.resumable)
    reply = await asker.ask(call.request, traceparent=call.traceparent, fresh=not call.resumable)
    desk.access.used(call.request.api_key, reply.usage)
    return reply


@asynccontextmanager
async def streaming(desk: Desk, call: Call) -> AsyncIterator[AsyncIterator[Chunk | Reply]]:
    """Pieces of the answer, the reply last. What is not read to its end is ended, and its producer learns of it now."""
    asker = desk.asker(call.request.tenant, resumable=call.resumable)
    items = asker.stream(call.request, traceparent=call.traceparent, fresh=not call.resumable)
    if desk.access.counts_tokens(call.request.api_key):
        items = _counted(desk, call, items)
    try:
        yield items
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()


async def _counted(desk: Desk, call: Call, items: AsyncIterator[Chunk | Reply]) -> AsyncGenerator[Chunk | Reply]:
    """The same pieces; what the reply says was used is told to who counts it."""
    try:
        async for item in items:
            if isinstance(item, Reply):
                desk.access.used(call.request.api_key, item.usage)
            yield item
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()
