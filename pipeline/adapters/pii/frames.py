"""How parent and child speak: four bytes of length (big endian), then JSON."""

import asyncio
import struct
from typing import Any, BinaryIO, Final

import orjson

__all__ = ["pack", "read", "read_blocking"]

_HEAD: Final = struct.Struct(">I")


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
