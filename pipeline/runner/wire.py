"""Envelopes as bytes: how they are written, and how they are read from a message."""

from typing import Final

from pydantic import ValidationError

from pipeline.contracts import Envelope, parse_envelope
from pipeline.contracts.handed import Handed
from pipeline.errors import Unreadable
from pipeline.ports import Delivery

__all__ = ["dump_admitted", "dump_envelope", "read_envelope"]

_HANDED: Final = Handed()
_VERSION: Final = {"version"}
"""Always said: its default is that of the reader."""


def dump_envelope(envelope: Envelope) -> bytes:
    """The bytes that travel. Fields that hold their default are left out: they say nothing, and most of them do."""
    body = envelope.model_dump_json(exclude_none=True, exclude_defaults=True, exclude=_VERSION)
    return f'{{"version":"{envelope.version}",{body[1:]}'.encode()


def dump_admitted(envelope: Envelope) -> bytes:
    """The same for an envelope that was let in just now, and may well come back to this process."""
    return _HANDED.wrote(dump_envelope(envelope), envelope)


def read_envelope(delivery: Delivery) -> Envelope:
    """The envelope in a message.

    Raises:
        Unreadable: its bytes are none.
    """
    known = _HANDED.take(delivery.body)
    if known is not None:
        return known
    try:
        return parse_envelope(delivery.body)
    except ValidationError as error:
        raise Unreadable(f"a message for {delivery.stage} is no envelope: {error.error_count()} problems") from None
