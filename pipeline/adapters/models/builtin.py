"""The encoder that comes along as a target: texts are embedded inside the worker, and leave it for nobody."""

import asyncio
from collections.abc import Sequence
from typing import Final

from pipeline.adapters.models.endpoint import Endpoint
from pipeline.adapters.models.relay import Relay
from pipeline.adapters.models.vectors import Vectors
from pipeline.contracts import Usage
from pipeline.contracts.vectors import packed
from pipeline.disclosure.view import View
from pipeline.errors import PartMissing, TargetRejected, TargetTimeout

__all__ = ["BuiltIn"]

PIECE: Final = 16
"""Texts that are embedded before somebody looks whether anybody still waits for them."""


class BuiltIn:
    """One try of one call. Each text goes through the encoder alone, so that it has the same vector in any company."""

    first_at: float | None = None
    streams = False
    silent = False

    def __init__(self, endpoint: Endpoint, view: View, relay: Relay, ends_at: float) -> None:
        self._endpoint = endpoint
        self._texts: Sequence[str] = view.embed.texts if view.embed is not None else ()
        self._relay = relay
        now = asyncio.get_running_loop().time()
        self._ends_at = min(ends_at, now + endpoint.spec.timeouts.total)
        self.word_by = ends_at

    async def run(self) -> Vectors:
        """Embed the texts.

        Raises:
            TargetRejected: the encoder is not installed; the message says what to do.
            TargetTimeout: it took too long.
        """
        self._relay.goes_out(unseen=True)
        rows: list[str] = []
        tokens = 0
        try:
            async with asyncio.timeout_at(self._ends_at):
                for start in range(0, len(self._texts), PIECE):
                    made, used = await asyncio.to_thread(_embedded, self._texts[start : start + PIECE])
                    rows += made
                    tokens += used
        except PartMissing as error:
            self._relay.not_charged()
            raise TargetRejected(f"target {self._endpoint.name} cannot embed: {error.message}") from None
        except TimeoutError:
            late = TargetTimeout(f"target {self._endpoint.name} took longer than it may for {len(self._texts)} texts")
            late.charged = True
            raise late from None
        return Vectors(rows, self._endpoint.spec.model, Usage(input_tokens=tokens))


def _embedded(texts: Sequence[str]) -> tuple[list[str], int]:
    # Whoever calls no such target does not read the library.
    from pipeline.adapters.embedding import load

    encoder = load()
    made = [encoder.whole(text) for text in texts]
    return [packed(row.tolist()) for row, _ in made], sum(used for _, used in made)
