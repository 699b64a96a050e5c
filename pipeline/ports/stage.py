"""A stage of the cascade, what it decides, and who is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pipeline.contracts import Chunk, Envelope, Lane, Reply, StageName

__all__ = ["Caller", "NotDurable", "Observer", "Outcome", "Run", "Stage"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage decided: one word of `topology.outcomes_of(stage)`, why, and what it adds to the envelope.

    `changes` are fields of the envelope; `facts` go to the trail (scores, versions, counts; never text of a request).
    """

    kind: str
    reasons: tuple[str, ...] = ()
    changes: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, str | float | int | bool | None] = field(default_factory=dict)


@runtime_checkable
class Caller(Protocol):
    """The one who waits for the reply, on the way back."""

    async def chunk(self, chunk: Chunk) -> bool:
        """Send a piece of the answer. False: the caller is gone, stop generating."""
        ...

    async def reply(self, reply: Reply) -> None:
        """Send the reply, which ends the conversation."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """The circumstances of one delivery.

    Attributes:
        delivered: how often it was delivered, from 1.
        caller: who waits, if anybody does.
        durable: whether a queue has the request. Nothing may be paid for before (`NotDurable`).
    """

    delivered: int = 1
    caller: Caller | None = None
    durable: bool = True


class NotDurable(Exception):
    """Raised before a paid call for a request that is in memory alone: the stage runs again once a queue has it."""


class Stage(Protocol):
    """A verb of the cascade."""

    @property
    def name(self) -> StageName:
        """Its place in the topology."""
        ...

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        """Decide about one envelope. Raise an error of `pipeline.errors` where it cannot."""
        ...


class Observer(Protocol):
    """Who is told what happened, for metrics and traces. It must not raise and must not wait."""

    def step(self, stage: StageName, outcome: str, lane: Lane, seconds: float) -> None:
        """A stage ended."""
        ...

    def finished(self, envelope: Envelope, reply: Reply) -> None:
        """A request ended."""
        ...

    def trouble(self, stage: StageName, action: str, code: str) -> None:
        """A stage raised, and this became of the message."""
        ...
