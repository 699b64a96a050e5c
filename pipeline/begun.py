"""What a caller has read of a streamed answer, held against the reply that counts.

A worker may die in the middle of an answer. Whoever takes the request over asks again, and the model may answer
otherwise. What was begun must then neither end as if it were whole, nor go on as something else.
"""

from pipeline.contracts import Chunk, ErrorBody, Reply
from pipeline.errors import AnswerLost

__all__ = ["Begun", "lost"]


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

    def rest(self, content: str, reasoning: str) -> tuple[Chunk, ...] | None:
        """The pieces that are missing of the answer; None: it is another one than was begun."""
        text, reasoned = "".join(self._texts), "".join(self._reasoned)
        if not (content.startswith(text) and reasoning.startswith(reasoned)):
            return None
        pieces: list[Chunk] = []
        if more := reasoning[len(reasoned) :]:
            pieces.append(Chunk(seq=self._expected, text="", reasoning=more))
        if more := content[len(text) :]:
            pieces.append(Chunk(seq=self._expected + len(pieces), text=more))
        return tuple(pieces)


def lost(reply: Reply) -> Reply:
    """What a caller is told who has read the beginning of another answer than that of `reply`."""
    message = (
        "the answer that was begun was lost with its worker, and another one counts: "
        f"fetch it by its id, with `stepwell result {reply.id}`"
    )
    nothing = dict.fromkeys(
        ("content", "reasoning", "parsed", "tool_calls", "finish_reason", "served", "degraded", "confidence")
    )
    error = ErrorBody(code=AnswerLost.code, message=message)
    return reply.model_copy(update={**nothing, "status": "failed", "error": error})
