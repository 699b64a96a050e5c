"""When a target is left alone. A small state machine; the time and the dice are arguments."""

from collections import deque
from enum import Enum
from typing import Final

from pipeline.policy.models import Breaker as Rules

__all__ = ["Breaker", "State"]

_JITTER: Final = 0.25
"""An opening lasts this share longer or shorter, so that many workers do not come back at once."""
_SAME_S: Final = 0.01
"""Two openings within this time are one: what travels is rounded."""


class State(Enum):
    """Closed: calls pass. Open: none does. Half-open: a few probes do, and decide."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Opens after a streak of failures, when a share of the last calls failed, or at a hang; tries again with probes.

    Each call takes a ticket with `admit` and returns it with `succeeded`, `failed`, `hung` or `ignored`. A ticket from
    before the last change of state says nothing about the target as it is now, and is not counted. After a hang one
    probe goes out at a time until one is answered, for each may cost its caller all the time there is.

    An opening of another worker's breaker is adopted: until then no call passes, and then probes decide, as after an
    opening of its own. A target that says on being asked (`hint_well`) that it is well is tried at once, but its word
    is not taken twice before calls succeeded: what answers such questions may be well while what answers calls is not.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.state = State.CLOSED
        self._era = 0
        self._failures: deque[bool] = deque(maxlen=rules.window)
        self._streak = 0
        self._opened = 0
        self._opened_at = float("-inf")
        self._reopens_at = float("-inf")
        self._adopted = False
        self._hung = False
        self._believes = True
        self._probes_out = 0
        self._probes_won = 0

    def opening(self, now: float) -> tuple[float, float, int] | None:
        """Since when and until when it is open, and how often it opened in a row; None: it is not, or not by itself."""
        if self.waits_s(now) == 0.0 or self._adopted:
            return None
        return self._opened_at, self._reopens_at, self._opened

    def adopt(self, opened_at: float, until: float, level: int, now: float, draw: float) -> None:
        """Another worker's breaker is open until `until`; later by chance, so that not all workers come back at once.

        What it knows by itself after `opened_at` counts more: its own opening, or probes that are under way.
        """
        if until <= now or until <= self._reopens_at or opened_at <= self._opened_at + _SAME_S:
            return
        if self.state is State.HALF_OPEN and not self._adopted:
            return
        self._opened = max(self._opened, level)
        self._opened_at = opened_at
        self._reopens_at = until + (until - opened_at) * _JITTER * draw
        self._enter(State.OPEN)
        self._adopted = True

    def dissent(self, answered_at: float) -> None:
        """The target answered another worker at `answered_at`: an opening from before that was adopted is over."""
        if self._adopted and self.state is State.OPEN and answered_at > self._opened_at:
            self._opened = 0
            self._enter(State.CLOSED)

    def hint_well(self) -> None:
        """The target was asked how it fares, and said that it is well: let probes find out."""
        if self.state is State.OPEN and self._believes:
            self._believes = False
            self._enter(State.HALF_OPEN)

    def waits_s(self, now: float) -> float:
        """Seconds until calls may pass; 0 where they may now."""
        if self.state is State.OPEN:
            return max(0.0, self._reopens_at - now)
        return 0.0

    def admit(self, now: float) -> int | None:
        """A ticket for one call; None: the target is to be left alone."""
        if self.state is State.OPEN and now >= self._reopens_at:
            self._enter(State.HALF_OPEN)
        if self.state is State.OPEN:
            return None
        if self.state is State.HALF_OPEN:
            at_most = 1 if self._hung and not self._probes_won else self.rules.probes
            if self._probes_out + self._probes_won >= at_most:
                return None
            self._probes_out += 1
        return self._era

    def succeeded(self, ticket: int) -> None:
        """The call ended well."""
        if ticket != self._era:
            return
        self._streak = 0
        if self.state is State.CLOSED:
            self._note(failed=False)
            return
        self._probes_out -= 1
        self._probes_won += 1
        if self._probes_won >= self.rules.probes:
            self._opened = 0
            self._hung = False
            self._believes = True
            self._enter(State.CLOSED)

    def failed(self, ticket: int, now: float, draw: float) -> None:
        """The target failed; `draw` in [0, 1) jitters how long it is left alone."""
        if ticket != self._era:
            return
        if self.state is State.CLOSED:
            self._streak += 1
            self._note(failed=True)
            if not self._too_many():
                return
        self._hung = False
        self._open(now, draw)

    def hung(self, ticket: int, now: float, draw: float) -> None:
        """The call got no word, and with others that tells that the target hangs; `draw` as for `failed`."""
        if ticket == self._era:
            self._hung = True
            self._open(now, draw)

    def ignored(self, ticket: int) -> None:
        """The call ended in a way that says nothing about the target's health."""
        if ticket == self._era and self.state is State.HALF_OPEN:
            self._probes_out -= 1

    def _note(self, *, failed: bool) -> None:
        if self._failures.maxlen != self.rules.window:
            self._failures = deque(self._failures, maxlen=self.rules.window)
        self._failures.append(failed)

    def _too_many(self) -> bool:
        if self._streak >= self.rules.streak:
            return True
        seen = len(self._failures)
        return seen >= self.rules.minimum and sum(self._failures) >= self.rules.ratio * seen

    def _open(self, now: float, draw: float) -> None:
        seconds = min(self.rules.open * 2.0 ** min(self._opened, 32), self.rules.open_cap)
        self._opened += 1
        self._opened_at = now
        self._reopens_at = now + seconds * (1.0 - _JITTER + 2.0 * _JITTER * draw)
        self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        if state is not State.HALF_OPEN:
            self._adopted = False
        self.state = state
        self._era += 1
        self._failures.clear()
        self._streak = self._probes_out = self._probes_won = 0
