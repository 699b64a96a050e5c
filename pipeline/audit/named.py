"""Which records were named by which reply: one byte for each, as far as there are any."""

from typing import Final
from zlib import crc32

__all__ = ["Named"]

PART: Final = 64
"""Numbers of a producer that are kept together: a forged number far away takes no more memory than so many."""


class Named:
    """Remembers of each record a short digest of the reply that named it first."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, int], bytearray] = {}

    def again(self, producer: str, n: int, reply: str) -> bool:
        """Note that `reply` names the record. Whether it did before.

        Another reply that names the same record is not the same, but for one in 255.
        """
        part, number = divmod(n, PART)
        digests = self._parts.setdefault((producer, part), bytearray(PART))
        known, digest = digests[number], 1 + crc32(reply.encode()) % 255
        digests[number] = known or digest
        return known == digest
