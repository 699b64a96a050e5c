"""What this worker knows about one target: how to reach it, how it fares, and how busy it is."""

from typing import Final

from yarl import URL

from pipeline.adapters.board_sights import Sight
from pipeline.adapters.models.body import Template
from pipeline.adapters.models.breaker import Breaker, State
from pipeline.adapters.models.concurrency import Gradient
from pipeline.adapters.models.posting import Address
from pipeline.adapters.models.retries import RetryBudget
from pipeline.adapters.models.silence import Silence
from pipeline.adapters.models.slots import Slots
from pipeline.adapters.models.tally import Tally
from pipeline.disclosure.view import View
from pipeline.policy.models import LimitsFile, Target

__all__ = ["Endpoint", "below"]

_AGENT: Final = "stepwell"


def below(endpoint: str, path: str) -> URL:
    """A page below an address; what the address asks with (`?api-version=…`) stays."""
    url = URL(endpoint)
    return url.with_path(f"{url.raw_path.rstrip('/')}/{path.lstrip('/')}", encoded=True, keep_query=True)


class Endpoint:
    """A target as it is called. Its breaker, budget and slots outlive changes of the policy.

    Attributes:
        quiet_until: monotonic time before which the endpoint asked not to be called; `quiet_since` when it did.
    """

    def __init__(self, name: str, spec: Target, limits: LimitsFile) -> None:
        self.name = name
        self.breaker = Breaker(limits.breaker)
        self.budget = RetryBudget()
        self.gradient = Gradient(limits.concurrency, spec.slots)
        self.slots = Slots(spec.slots)
        self.tally = Tally()
        self.silence = Silence()
        self.quiet_until = 0.0
        self.quiet_since = 0.0
        self._define(spec)

    def update(self, spec: Target, limits: LimitsFile) -> None:
        """Follow the policy."""
        self.breaker.rules = limits.breaker
        if spec is not self.spec:
            self._define(spec)
        self.gradient.update(limits.concurrency, spec.slots)
        self.slots.resize(self.gradient.slots)

    def _define(self, spec: Target) -> None:
        self.spec = spec
        self.template = Template(spec)
        self.always_streams = spec.timeouts.first_token is not None or spec.timeouts.idle is not None
        headers = {"Content-Type": "application/json", "User-Agent": _AGENT}
        if spec.api_key:
            headers["Authorization"] = f"Bearer {spec.api_key}"
        connect_s = spec.timeouts.connect
        self.chat = Address(below(spec.endpoint, "chat/completions"), headers, connect_s)
        self.embeddings = Address(below(spec.endpoint, "embeddings"), headers, connect_s)

    @staticmethod
    def headers(view: View) -> dict[str, str]:
        """The headers of one call beside those of all. A trace that could not stand in one line is left out."""
        if view.traceparent and view.traceparent.isprintable():
            return {"Idempotency-Key": view.idempotency_key, "traceparent": view.traceparent}
        return {"Idempotency-Key": view.idempotency_key}

    def asked_for_quiet(self, now: float, seconds: float) -> None:
        """The endpoint said that it is not to be called for a while; monotonic time."""
        self.quiet_since, self.quiet_until = now, now + seconds

    def long_quiet(self, now: float, patience_s: float) -> bool:
        """Whether it asked for a quiet that no call waits for, and that is not over."""
        return now < self.quiet_until and self.quiet_until - self.quiet_since > patience_s

    def answered(self, now: float, latency_ms: float, first_token_ms: float | None, tokens: int) -> None:
        """A try was answered, at Unix time `now`."""
        self.tally.answered(now, latency_ms, first_token_ms)
        self.gradient.answered(latency_ms, first_token_ms, tokens, self.slots.running)

    def failed(self, now: float, *, overloaded: bool) -> None:
        """A try failed, and it was the target's doing."""
        self.tally.failed(now)
        if overloaded:
            self.gradient.overloaded()

    def gives_way(self, waited_s: float, *, streamed: bool) -> bool:
        """Whether a call that got no word for so long may be given up for another target's sake."""
        return self.breaker.state is State.CLOSED and self.silence.overdue(waited_s, streamed=streamed)

    def sight(self, now: float, monotonic: float, patience_s: float) -> Sight:
        """What this worker sees of the target, at these two times.

        A quiet longer than `patience_s`, for which no call waits, is told like an open breaker.
        """
        tally = self.tally
        calls, failures = tally.counts(now)
        opening = self.breaker.opening(monotonic)
        if opening is None and self.long_quiet(monotonic, patience_s):
            opening = self.quiet_since, self.quiet_until, 0
        opened_at, open_until, level = opening or (None, None, 0)
        return Sight(
            running=self.slots.running,
            room=self.gradient.slots,
            first_token_ms=tally.first_token_ms,
            latency_ms=tally.latency_ms,
            measured=tally.measured,
            calls=calls,
            failures=failures,
            streak=tally.streak,
            heard_at=tally.heard_at,
            well_at=tally.well_at,
            opened_at=now + opened_at - monotonic if opened_at is not None else 0.0,
            open_until=now + open_until - monotonic if open_until is not None else 0.0,
            level=level,
        )
