"""From a chat completion, in whatever dialect it came, to the cascade and back: what its endpoints have in common."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from pipeline.contracts import Chunk, JsonObject, Reply
from pipeline.gateway.access import Caller
from pipeline.gateway.desk import Desk
from pipeline.gateway.openai import Call, to_call

__all__ = ["ask", "prepare", "streaming"]


def prepare(desk: Desk, caller: Caller, fields: JsonObject, headers: Mapping[str, str]) -> Call:
    """Read the body of a chat completion for a caller; every request gets an id.

    Raises:
        InvalidRequest, UnsupportedParameter, UnknownModel: see `to_call`; or the tenant may not name the model.
    """
    call = to_call(fields, headers, caller.tenant)
    desk.catalogue.check(call.request.route or call.model, call.request.tenant)
    own = {"id": call.request.id or desk.new_id(), "api_key": caller.key_id}
    return replace(call, request=call.request.model_copy(update=own))


async def ask(desk: Desk, call: Call) -> Reply:
    """Await the reply. Cancelling takes the request back, unless its caller may return for it."""
    asker = desk.asker(call.request.tenant, resumable=call.resumable)
    return await asker.ask(call.request, traceparent=call.traceparent, fresh=not call.resumable)


@asynccontextmanager
async def streaming(desk: Desk, call: Call) -> AsyncIterator[AsyncIterator[Chunk | Reply]]:
    """Pieces of the answer, the reply last. What is not read to its end is ended, and its producer learns of it now."""
    asker = desk.asker(call.request.tenant, resumable=call.resumable)
    items = asker.stream(call.request, traceparent=call.traceparent, fresh=not call.resumable)
    try:
        yield items
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()
