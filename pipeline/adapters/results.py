"""Replies by request id, kept in a durable stream so that they can be fetched after the caller is gone."""

from typing import Final

from pipeline.contracts import Reply
from pipeline.errors import TransportUnavailable
from pipeline.ports import Conflict, Stored, Streams
from pipeline.topology import result_subject

__all__ = ["StreamResults"]

RACES: Final = 8
"""Lost races for one request id after which something else must be wrong."""


class StreamResults:
    """A `ResultStore` over streams: the first reply counts, unless it is provisional and the new one is not.

    Provisional is the failure that a caller gets while the message waits as a dead letter; when a person retries the
    message, its real reply takes the place.
    """

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def put(self, reply: Reply) -> Reply:
        """Store the reply. Returns the one that counts."""
        subject = result_subject(reply.tenant, reply.id)
        body, expected = reply.model_dump_json().encode(), 0
        for _ in range(RACES):
            try:
                await self._streams.append(subject, body, expected=expected)
            except Conflict:
                present = await self._streams.last(subject)
            else:
                return reply
            if present is not None:
                counting = _reply(present)
                if reply.provisional or not counting.provisional:
                    return counting
            expected = present.sequence if present is not None else 0
        raise TransportUnavailable(f"the reply to {reply.tenant}/{reply.id} could not be stored in {RACES} tries")

    async def get(self, tenant: str, request_id: str) -> Reply | None:
        """The reply, if it is there already."""
        stored = await self._streams.last(result_subject(tenant, request_id))
        return None if stored is None else _reply(stored)


def _reply(stored: Stored) -> Reply:
    return Reply.model_validate_json(stored.body)
