"""A request on the short road: in memory alone, until it has ended or a queue has it."""

from pipeline.contracts import Envelope, StageName
from pipeline.runner.wire import dump_envelope
from pipeline.topology import FIRST

__all__ = ["Carried"]


class Carried:
    """A delivery of its own kind: a request that was asked in this process a moment ago, and that no queue has.

    Attributes:
        envelope: what is known of it by now.
        stage: the stage it is at.
        left: it was given to a queue, and whether that took it was said to who gave it.
        goes_back: it has to be given to a queue.
    """

    __slots__ = ("envelope", "goes_back", "lane", "left", "row", "stage")
    delivered = 1
    durable = False

    def __init__(self, envelope: Envelope, row: int) -> None:
        self.envelope = envelope
        self.stage: StageName = FIRST
        self.lane = envelope.lane
        self.row = row
        self.left = False
        self.goes_back = False

    @property
    def body(self) -> bytes:
        """The bytes of the envelope."""
        return dump_envelope(self.envelope)

    async def working(self) -> None:
        """Nobody else could get it."""

    async def ack(self) -> None:
        """No queue waits to hear it."""

    async def retry(self, delay_s: float) -> None:  # noqa: ARG002 - it waits in no hand
        """The next try begins in the queue, in front of the stage where it is, and that one's failures count."""
        self.goes_back = True
