"""Text on its way to the caller, piece by piece."""

from pipeline.contracts import Chunk
from pipeline.ports import Caller

__all__ = ["Live"]


class Live:
    """Passes text on to the caller as it comes, numbered from 0.

    Attributes:
        sent: pieces that left; from the first one on, no other answer may follow.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.sent = 0

    async def __call__(self, text: str) -> bool:
        """Take a piece of text; False: the caller is gone."""
        return await self._caller.chunk(Chunk.model_construct(seq=self._next(), text=text))

    async def reason(self, text: str) -> bool:
        """Take a piece of reasoning; False: the caller is gone."""
        return await self._caller.chunk(Chunk.model_construct(seq=self._next(), text="", reasoning=text))

    def _next(self) -> int:
        seq, self.sent = self.sent, self.sent + 1
        return seq
