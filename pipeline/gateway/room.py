"""How much of bodies a process of the door holds at a time, whoever sends them.

A body may be large, and connections are many; each bounded alone they would still be more than a machine has. Small
bodies are not counted: what all connections may hold of them is little.
"""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from pipeline.errors import Overloaded

__all__ = ["SMALL", "Room"]

SMALL: Final = 65_536
"""Bodies up to this size are not counted."""


class Room:
    """Counts the bytes of large bodies from before they are read until their request has ended."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0

    def take(self, request: web.Request, largest: int) -> Callable[[], None] | None:
        """Make room for the body of a request; what gives it back. None: it is too small to count.

        A body whose size nobody said, or that is packed, counts as the largest that is taken.

        Raises:
            Overloaded: there is no room now.
        """
        size = request.content_length
        if size is None or "content-encoding" in request.headers:
            size = largest if request.body_exists else 0
        size = min(size, largest)
        if size <= SMALL:
            return None
        if self.held + size > self._most:
            raise Overloaded("large bodies are on their way already, as many as fit: try again", retry_after_s=1.0)
        self.held += size

        def give_back() -> None:
            self.held -= size

        return give_back
