"""A door that closes: what runs may end, and nobody is told any more that it is ready."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

__all__ = ["DRAINING", "Draining"]


@dataclass(slots=True)
class Draining:
    """`on` once the door has been told to stop."""

    on: bool = False


DRAINING: Final = web.AppKey("draining", Draining)
"""Where the application holds it."""
