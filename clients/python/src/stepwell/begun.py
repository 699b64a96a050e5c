"""What was read of a streamed answer, held against the reply that counts.

A worker may die in the middle of an answer, and another one may answer otherwise. What was begun then neither ends as
if it were whole, nor goes on as something else.
"""

from __future__ import annotations

from stepwell.errors import AnswerLost
from stepwell.models import Chunk, Reply

__all__ = ["Begun"]


class Begun:
    """The pieces that were passed on, in order and without gaps."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._reasoned: list[str] = []
        self._expected = 0
        self._whole = True

    def takes(self, chunk: Chunk) -> bool:
        """Whether the piece goes on where the last one ended. None does after a gap: the reply brings the rest."""
        self._whole = self._whole and chunk.seq == self._expected
        if self._whole:
            self._expected += 1
            self._texts.append(chunk.text)
            self._reasoned.append(chunk.reasoning or "")
        return self._whole

    def rest(self, reply: Reply) -> list[Chunk]:
        """The pieces that are missing of the answer.

        Raises:
            AnswerLost: it is another answer than was begun.
        """
        text, reasoned = "".join(self._texts), "".join(self._reasoned)
        content, reasoning = reply.content or "", reply.reasoning or ""
        if not (content.startswith(text) and reasoning.startswith(reasoned)):
            raise AnswerLost(
                f"the answer that was begun was lost with its worker, and another one counts: fetch {reply.id}",
                reply=reply,
            )
        pieces = []
        if reasoning[len(reasoned) :]:
            pieces.append(Chunk(seq=self._expected, text="", reasoning=reasoning[len(reasoned) :]))
        if content[len(text) :]:
            pieces.append(Chunk(seq=self._expected + len(pieces), text=content[len(text) :]))
        return pieces
