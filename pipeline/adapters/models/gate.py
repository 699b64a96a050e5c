"""The gate of a draft that is read while it comes: it may be left early, and it may reach its caller early.

Both follow from the running confidence: e to the mean log-probability of the value tokens so far, before any
calibrator. Where an endpoint shows no log-probabilities nothing is concluded: the draft is checked as a whole.
"""

from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Final

from pipeline.confidence.certainty import certainty, is_document
from pipeline.errors import LeftEarly
from pipeline.policy.models import EarlyExit, OpenEarly
from pipeline.ports import Piece, TokenSink

__all__ = ["Gate", "finishes_anyway"]

_NEXT_LOOK: Final = 1.25
"""By how much an answer has grown when it is looked at again, so that all looks together stay linear in its length."""


def finishes_anyway(draw: float, share: float) -> bool:
    """Whether a draft that would be left early is finished all the same; `draw` follows from the request."""
    digest = blake2b(repr(draw).encode(), digest_size=8, person=b"stepwell exit").digest()
    return int.from_bytes(digest, "big") / 2.0**64 < share


class Gate:
    """A `Reader` of one call.

    Args:
        exits: when the draft is left; None: never.
        opens: when it is passed on; None: never.
        document: it should be JSON; None: it is when it looks so.
        finishes: it is finished also where it would be left, to see whether it would have stayed.
        may_leave: asked once before it is left, whether a better answer is to be had now.
        way_out: gives who takes the text from the moment the gate opens.
        aside: gives who takes the reasoning from then on; None: nobody does.

    Attributes:
        passed_on: text was passed on; then no other answer may follow.
        exit_at: tokens after which its beginning said that it would not stay; None: it never did.
    """

    def __init__(
        self,
        exits: EarlyExit | None,
        opens: OpenEarly | None,
        *,
        may_leave: Callable[[], Awaitable[bool]],
        way_out: Callable[[], TokenSink],
        aside: Callable[[], TokenSink] | None = None,
        document: bool | None = None,
        finishes: bool = False,
    ) -> None:
        self._exits = exits
        self._opens = opens
        self._document = document
        self._finishes = finishes
        self._may_leave = may_leave
        self._way_out = way_out
        self._aside = aside
        self.begins()
        self.passed_on = False

    def begins(self) -> None:
        """A try begins; what was read of an earlier one is void."""
        self.exit_at: int | None = None
        self._sink: TokenSink | None = None
        self._held: list[str] = []
        self._reasoned: list[str] = []
        self._reasons: TokenSink | None = None
        self._look_at = min(rule.after for rule in (self._exits, self._opens) if rule is not None)
        self._decided = False

    async def read(self, piece: Piece) -> bool:
        """Take a piece; see the port."""
        if self._sink is not None:
            wanted = await self._reason(piece.reasoning)
            return (not piece.text or await self._sink(piece.text)) and wanted
        self._reasoned.append(piece.reasoning)
        self._held.append(piece.text)
        if piece.calls_tools or piece.ended:
            self._decided = True  # a call of a tool is no text, and what has ended is checked as a whole
        if self._decided or len(piece.tokens) < self._look_at:
            return True
        self._look_at = max(len(piece.tokens) + 1, int(len(piece.tokens) * _NEXT_LOOK))
        return await self._look(piece)

    async def _look(self, piece: Piece) -> bool:
        """Conclude from what is held so far."""
        text = "".join(self._held)
        document = is_document(text) if self._document is None else self._document
        sure = certainty(text, piece.tokens, document=document)
        values = sure.signals.get("value_tokens") or 0.0
        if sure.confidence is None:
            return True
        if self._exits is not None and values >= self._exits.after and sure.confidence < self._exits.below:
            await self._leave(len(piece.tokens))
        elif self._opens is not None and values >= self._opens.after and sure.confidence >= self._opens.above:
            return await self._open(text)
        return True

    async def _leave(self, tokens: int) -> None:
        """Its beginning says no: stop it, unless it is watched to its end or nothing better is to be had."""
        self._decided = True
        if self._finishes:
            self.exit_at = tokens
        elif await self._may_leave():
            self.exit_at = tokens
            raise LeftEarly(f"the first {tokens} tokens were too unsure for the answer to stay")

    async def _open(self, text: str) -> bool:
        self._sink, self._held, self.passed_on = self._way_out(), [], True
        self._reasons = self._aside() if self._aside is not None else None
        wanted = await self._reason("".join(self._reasoned))
        return await self._sink(text) and wanted

    async def _reason(self, text: str) -> bool:
        return self._reasons is None or not text or await self._reasons(text)
