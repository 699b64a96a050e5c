"""Whether requests would be served now: NATS answers, and a worker is there."""

from collections.abc import Awaitable, Callable
from typing import Final

from pipeline.errors import NoWorker, StepwellError, TransportUnavailable
from pipeline.ports import Clock, Link

__all__ = ["Readiness", "WorkerPing"]

PING: Final = "$SRV.PING.stepwell"
"""Every worker that takes requests answers here, by the service protocol of NATS (ADR-32)."""


class WorkerPing:
    """Asks, over NATS, whether any worker is there that takes requests."""

    def __init__(self, link: Link, timeout_s: float = 1.0) -> None:
        self._link = link
        self._timeout_s = timeout_s

    async def __call__(self) -> None:
        """Return when a worker answered.

        Raises:
            NoWorker: none is there.
            TransportUnavailable: NATS does not answer.
        """
        conversation = await self._link.converse(PING, b"")
        try:
            answer = await conversation.next(self._timeout_s)
        except NoWorker:
            raise NoWorker.on(PING) from None
        finally:
            conversation.close()
        if answer is None:
            raise TransportUnavailable(
                f"no worker answered over NATS within {self._timeout_s:g} s: see whether they, or NATS, stand still"
            )


class Readiness:
    """The answer to a ping, remembered for a moment, so that frequent probes cost nothing."""

    def __init__(self, ping: Callable[[], Awaitable[None]], clock: Clock, keep_s: float = 1.0) -> None:
        self._ping = ping
        self._clock = clock
        self._keep_s = keep_s
        self._asked_at: float | None = None
        self._trouble: StepwellError | None = None

    async def trouble(self) -> StepwellError | None:
        """Why requests would not be served; None when they would."""
        now = self._clock.monotonic()
        if self._asked_at is None or now - self._asked_at >= self._keep_s:
            self._trouble = await self._ask()
            self._asked_at = now
        return self._trouble

    async def _ask(self) -> StepwellError | None:
        try:
            await self._ping()
        except StepwellError as error:
            return error
        return None
