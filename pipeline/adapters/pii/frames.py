"""How parent and child speak: four bytes of length (big endian), then JSON."""

import asyncio
import os
import select
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import orjson

__all__ = ["Inbox", "pack", "read", "read_blocking"]

_HEAD: Final = struct.Struct(">I")
_GULP: Final = 1 << 20


def pack(value: object) -> bytes:
    """One frame.

    Raises:
        TypeError: the value has no JSON form, for instance a lone surrogate in a text.
    """
    body = orjson.dumps(value)
    return _HEAD.pack(len(body)) + body


async def read(stream: asyncio.StreamReader) -> Any:
    """The next value.

    Raises:
        asyncio.IncompleteReadError: the other side is gone.
    """
    (length,) = _HEAD.unpack(await stream.readexactly(_HEAD.size))
    return orjson.loads(await stream.readexactly(length))


def read_blocking(stream: BinaryIO) -> Any | None:
    """The next value; None when the other side is gone."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    (length,) = _HEAD.unpack(head)
    body = stream.read(length)
    return orjson.loads(body) if len(body) == length else None


class Inbox:
    """Takes from a pipe all that has arrived, so that waiting jobs are seen together.

    Attributes:
        ended: the other side is gone.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._held = bytearray()
        self.ended = False

    def take(self, *, wait: bool) -> Iterator[Any]:
        """The values that are complete by now; with `wait` it blocks until there is one, or until the end."""
        while not self.ended and (wait or self._more()):
            gulp = os.read(self._descriptor, _GULP)
            self.ended = not gulp
            self._held += gulp
            wait = wait and self._complete() is None
        while (end := self._complete()) is not None:
            body = bytes(memoryview(self._held)[_HEAD.size : end])
            del self._held[:end]
            yield orjson.loads(body)

    def _more(self) -> bool:
        return bool(select.select([self._descriptor], [], [], 0.0)[0])

    def _complete(self) -> int | None:
        """Where the first frame ends; None when it is not all here."""
        if len(self._held) < _HEAD.size:
            return None
        end = _HEAD.size + int(_HEAD.unpack_from(self._held)[0])
        return end if len(self._held) >= end else None
