"""The way of an answer to who waits for it, piece by piece, and how far it came."""

from pipeline.errors import Cancelled
from pipeline.ports import Piece, Progress, Reader, TokenSink

__all__ = ["Relay"]


class Relay:
    """Hands text on as it is generated, and remembers whether any was.

    Attributes:
        sink: who takes it; None: nobody wants it before the end.
        aside: who takes the reasoning before it.
        reader: reads it along, and passes it on by itself.
        handed_on: something was; from then on nothing may be tried again.
        first_at: monotonic time of the first text of the present try.
        progress: how far the call came, for whoever has to pay for it.
    """

    __slots__ = ("_reasoning", "aside", "first_at", "handed_on", "progress", "reader", "sink")

    def __init__(
        self,
        sink: TokenSink | None,
        progress: Progress | None = None,
        reader: Reader | None = None,
        aside: TokenSink | None = None,
    ) -> None:
        self.sink = sink
        self.aside = aside
        self._reasoning = ""
        self.reader = reader
        self.handed_on = False
        self.first_at: float | None = None
        self.progress = progress if progress is not None else Progress()

    def goes_out(self, *, unseen: bool) -> None:
        """A try is sent; from now on the endpoint may charge for it."""
        self.progress.goes_out(unseen=unseen)
        self._reasoning = ""
        if self.reader is not None:
            self.reader.begins()

    def not_charged(self) -> None:
        """The try under way never reached the model."""
        self.progress.running = None

    def came(self, text: str, pieces: int) -> None:
        """So much of the answer came."""
        running = self.progress.running
        if running is not None:
            running.characters += len(text)
            running.pieces += pieces

    async def hand_on(self, text: str) -> None:
        """Give `text` to the sink. Raises `Cancelled` when it wants no more."""
        await self._give(self.sink, text)

    async def hand_on_reasoning(self, text: str) -> None:
        """Give reasoning to who takes it; a reader gets it with the text after it. Raises as `hand_on`."""
        if self.reader is not None:
            self._reasoning += text
        await self._give(self.aside, text)

    async def _give(self, sink: TokenSink | None, text: str) -> None:
        if sink is None or not text:
            return
        self.handed_on = True
        if not await sink(text):
            raise Cancelled("the caller is gone, so the model was stopped")

    async def let_read(self, piece: Piece) -> None:
        """Let the reader have a piece. Raises `Cancelled` when nobody wants more, `LeftEarly` when it is given up."""
        if self.reader is None:
            return
        reasoning, self._reasoning = self._reasoning, ""
        wanted = await self.reader.read(piece._replace(reasoning=reasoning))
        self.handed_on = self.handed_on or self.reader.passed_on
        if not wanted:
            raise Cancelled("the caller is gone, so the model was stopped")

    async def ends(self) -> None:
        """The answer is whole: a reader that passed it on gets the reasoning that no text followed."""
        if self._reasoning and self.reader is not None and self.reader.passed_on:
            await self.let_read(Piece("", ended=True))
