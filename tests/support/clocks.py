"""A clock for tests: nobody waits, and nothing depends on how fast a machine is."""

from dataclasses import dataclass


@dataclass
class FakeClock:
    """A clock that moves when told, or by `tick` seconds at each look."""

    time: float = 1000.0
    tick: float = 0.0

    def now(self) -> float:
        self.time += self.tick
        return self.time

    def monotonic(self) -> float:
        return self.now()

    async def pass_by(self, seconds: float) -> None:
        """Let time pass, in the place of `asyncio.sleep`."""
        self.time += seconds
