"""Envelopes that this process wrote a moment ago, so that it need not read them again when they come back to it.

A door that runs the stages itself takes most of what it let in from the queue once more. Its bytes are those that it
wrote, so what they say is known. Whoever else takes the message reads it, and so does this process where it forgot.
"""

from typing import Final

from pipeline.contracts.envelope import Envelope

__all__ = ["Handed"]

MOST: Final = 512
LARGEST: Final = 16_384
"""Bytes of an envelope up to which it is kept, so that all of them together stay small."""


class Handed:
    """The last envelopes by their bytes; each is given once."""

    __slots__ = ("_written",)

    def __init__(self) -> None:
        self._written: dict[bytes, Envelope] = {}

    def wrote(self, body: bytes, envelope: Envelope) -> bytes:
        """Keep what these bytes say; the bytes are returned. What was kept for longest is forgotten."""
        if len(body) <= LARGEST:
            written = self._written
            written[body] = envelope
            if len(written) > MOST:
                del written[next(iter(written))]
        return body

    def take(self, body: bytes) -> Envelope | None:
        """What these bytes say; None: they have to be read."""
        return self._written.pop(body, None)
