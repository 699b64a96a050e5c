"""The outer half: the list of phrases."""

from pathlib import Path

from pipeline.contracts import Envelope, StageName
from pipeline.ports import Outcome, Run
from stages.moderate.decide import decide, plain

__all__ = ["Moderate"]


class Moderate:
    """Refuses blocked phrases.

    Args:
        phrases: a file with one phrase on each line. Without it nothing is blocked.
    """

    name: StageName = "moderate"

    def __init__(self, phrases: Path) -> None:
        lines = phrases.read_text().splitlines() if phrases.is_file() else []
        self._blocked = tuple(plain(line) for line in lines if line.strip())

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:  # noqa: ARG002  the shape of every stage
        """Decide about one envelope."""
        return decide(envelope, self._blocked)
