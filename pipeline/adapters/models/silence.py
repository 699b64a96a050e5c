"""Whether a target hangs, by the calls that ran out of their callers' time without a word of an answer. Pure.

A deadline may have been short, or a question long, so each such call weighs by how unusual its wait was for this
target, and together they must be all but impossible of one that is well. All of that is void with the next word to
anybody: who answers one does not hang.
"""

from collections import deque
from math import inf, log2
from typing import Final, NamedTuple

from pipeline.policy.models import Breaker as Rules

__all__ = ["Silence"]

_KEPT: Final = 64
"""Answers by which is known what is usual."""
_ENOUGH: Final = 15
"""With fewer of them little is known."""
_UNUSUAL: Final = 1 / 16
"""A wait that no larger share of answers takes is overdue; one of unknown chance is taken for that."""
_TELLING: Final = 0.5
"""A wait that a larger share of answers takes tells nothing."""
_BITS: Final = 20.0
"""A chance of one in a million, as bits."""
_NEARLY: Final = 0.9
"""A wait was as long as another where it was nearly as long: it may have been broken off."""
_AGAIN: Final = 8
"""What is overdue is found anew after so many answers."""


class _Wait(NamedTuple):
    """What a call waited for its first word, and for the whole where it was seen as a whole alone, in seconds."""

    tenant: str
    first_s: float | None
    whole_s: float


class Silence:
    """What is known of the waits for one target, and how much speaks for a hang.

    Attributes:
        words: grows with all that the target says of answers, to anybody.
    """

    __slots__ = ("_at", "_bits", "_count", "_fresh", "_hangs", "_known", "_limits", "_met", "_tenants", "words")

    def __init__(self) -> None:
        self.words = 0
        self._known: deque[_Wait] = deque(maxlen=_KEPT)
        self._limits: tuple[float, float] = (inf, inf)
        self._fresh = 0
        self._clear()

    def answered(self, tenant: str, whole_s: float, first_s: float | None) -> None:
        """A call was answered; `first_s` is when its first word came, where that was seen."""
        self.words += 1
        self._fresh -= 1
        self._known.append(_Wait(tenant, first_s, whole_s))

    def overdue(self, waited_s: float, *, streamed: bool) -> bool:
        """Whether hardly any call waits so long: for its first word where it is `streamed`, or for the whole answer.

        Of a target of which little is known, nothing is.
        """
        if self._fresh <= 0:
            self._fresh = _AGAIN
            self._limits = self._limit_s(streamed=False), self._limit_s(streamed=True)
        return waited_s > self._limits[streamed]

    def met(self, since: int, tenant: str, waited_s: float, rules: Rules, *, streamed: bool) -> bool:
        """A call ran out of its caller's time without a word. Whether the target hangs, now that this is known too.

        A tenant must have met it twice as often where others were answered lately and have met nothing.

        Args:
            since: `words` when the call began.
            tenant: whose call it was.
            waited_s: for how long it waited.
            rules: how many calls it takes, and how long a wait counts at all.
            streamed: a first word would have been seen.
        """
        if waited_s < rules.silence:
            return False
        wait = _Wait(tenant, waited_s if streamed else None, waited_s)
        if self.words != since:  # it spoke to others meanwhile, so this is one of its usual waits
            self._known.append(wait)
            return False
        if self._at != self.words:
            self._void()
        chance = self._chance(waited_s, rules, streamed=streamed)
        if chance > _TELLING:
            return False
        self._met.append(wait)
        self._count += 1
        self._bits -= log2(chance)
        self._tenants.add(tenant)
        times = 2 if self._alone() else 1
        if self._count >= times * rules.streak and self._bits >= times * _BITS:
            self._hangs = True
        return self._hangs

    def _chance(self, waited_s: float, rules: Rules, *, streamed: bool) -> float:
        """How probably a call of a target that is well waits so long, from above 0 to 1."""
        known = self._waits(streamed=streamed)
        longer = sum(wait >= _NEARLY * waited_s for wait in known)
        if len(known) >= _ENOUGH:
            return (longer + 1) / (len(known) + 1)
        return 1.0 if longer or waited_s < 2.0 * rules.silence else _UNUSUAL

    def _limit_s(self, *, streamed: bool) -> float:
        known = sorted(self._waits(streamed=streamed), reverse=True)
        longer = int(_UNUSUAL * (len(known) + 1)) - 1
        return known[longer] / _NEARLY if longer >= 0 else inf

    def _waits(self, *, streamed: bool) -> list[float]:
        if not streamed:
            return [wait.whole_s for wait in self._known]
        return [wait.whole_s if wait.first_s is None else wait.first_s for wait in self._known]

    def _alone(self) -> bool:
        """Whether one tenant alone met it, and others were there to meet it."""
        return len(self._tenants) == 1 and any(wait.tenant not in self._tenants for wait in self._known)

    def _void(self) -> None:
        """The target spoke since. Waits that were no hang were usual ones."""
        if not self._hangs:
            self._known += self._met
        self._clear()

    def _clear(self) -> None:
        self._at = self.words
        self._met: deque[_Wait] = deque(maxlen=_KEPT)
        self._tenants: set[str] = set()
        self._count = 0
        self._bits = 0.0
        self._hangs = False
