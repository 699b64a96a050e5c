"""Who calls models."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pipeline.contracts import Attempt, Lane, TokenLogprob, ToolCall, Usage
from pipeline.ports.money import Denial

__all__ = [
    "Completion",
    "Made",
    "ModelCall",
    "ModelClient",
    "Permit",
    "Piece",
    "Progress",
    "Reader",
    "TokenSink",
    "Try",
]


class Permit(Protocol):
    """Proof that the residency decision lets one target see one view of a request. Only `disclosure.guard` makes it."""

    @property
    def target(self) -> str:
        """Name of the target that it is for."""
        ...


@dataclass(slots=True)
class Try:
    """What is known of one try that the endpoint may charge for, although nobody got its answer.

    Attributes:
        characters: of the answer that came.
        pieces: events of the stream that came; an endpoint sends about one for each token, of a reasoning too.
        unseen: the answer was to come in one piece, so nobody saw how much of it was generated.
    """

    characters: int = 0
    pieces: int = 0
    unseen: bool = False


@dataclass(slots=True)
class Progress:
    """How far a call came. The client fills it in as it goes, so that a call that was abandoned can be settled.

    Attributes:
        running: the try that is under way, once it went out; None: none is, or the endpoint does not charge for it.
        lost: the tries before it that may be charged and whose answers were given up.
        calls: tries that went out.
        opened: it had a slot of its target, so that its `opens` was awaited.
    """

    running: Try | None = None
    lost: list[Try] = field(default_factory=list)
    calls: int = 0
    opened: bool = False

    def goes_out(self, *, unseen: bool = False) -> None:
        """A try is sent; from now on the endpoint may charge for it."""
        self.calls += 1
        self.running = Try(unseen=unseen)

    def give_up(self) -> None:
        """The try under way is lost."""
        if self.running is not None:
            self.lost.append(self.running)
            self.running = None


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model at a target. What is sent stands in the permit, and nowhere else.

    `deadline_s` is the time left, in seconds from now. `reader`: reads the answer along; then it is asked for as a
    stream, and passed on by the reader alone. `aside`: takes the reasoning as it comes, where a sink takes the text.
    `opens`: awaited once, when a slot of the target is had and before anything is sent; what it raises ends the call.
    `tenant`: whose call it is. `gives_way_s`: without a word after so many seconds it is given up, where its target
    seldom takes so long, for then another one may still answer; None: nobody would.
    """

    permit: Permit
    deadline_s: float
    lane: Lane = "interactive"
    progress: Progress = field(default_factory=Progress)
    reader: "Reader | None" = None
    aside: "TokenSink | None" = None
    opens: Callable[[], Awaitable[None]] | None = None
    tenant: str = ""
    gives_way_s: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. Times in milliseconds; `calls`: tries that went out.

    `reasoning`: what it wrote beside its answer to get there; no part of `text`, nor of `tokens`.
    `embeddings`: where texts were to be embedded, a vector for each; then there is no text.
    `usage_reported` is False where the endpoint did not say what it used: then nobody knows what the call cost.
    `provider_batch`: the batch at the provider that it came by; None: it was called by itself.
    """

    model: str
    text: str | None
    finish_reason: str | None
    usage: Usage
    tool_calls: tuple[ToolCall, ...] | None = None
    reasoning: str | None = None
    embeddings: tuple[str, ...] | None = None
    tokens: tuple[TokenLogprob, ...] | None = None
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    calls: int = 1
    usage_reported: bool = True
    provider_batch: str | None = None


TokenSink = Callable[[str], Awaitable[bool]]
"""Takes a piece of text as it is generated; False asks the client to stop generating."""


class Piece(NamedTuple):
    """A part of an answer that came.

    Attributes:
        text: of this part.
        tokens: all that were scored so far.
        calls_tools: a tool was called by now.
        ended: the endpoint said that this is all.
        reasoning: that came before this part and after the one before.
    """

    text: str
    tokens: Sequence[TokenLogprob] = ()
    calls_tools: bool = False
    ended: bool = False
    reasoning: str = ""


class Reader(Protocol):
    """Reads an answer while it comes, and decides whether it goes on and whether somebody else may see it.

    Attributes:
        passed_on: text was passed on; from then on nothing may be tried again.
    """

    passed_on: bool

    def begins(self) -> None:
        """A try begins; what was read of an earlier one is void."""
        ...

    async def read(self, piece: Piece) -> bool:
        """Take a piece. False: nobody wants the answer any more.

        Raises:
            LeftEarly: the answer is to be stopped, since it would not stay.
        """
        ...


class ModelClient(Protocol):
    """Calls models."""

    async def complete(self, call: ModelCall, sink: TokenSink | None = None) -> Completion:
        """Call the target once (with its retries). Cancelling the task aborts the upstream call.

        Raises:
            TargetUnavailable, TargetTimeout, TargetOverloaded, TargetRejected, Cancelled, ResidencyRefused; and what
                the call's `opens` raises.
        """
        ...

    def healthy(self, target: str) -> bool:
        """Whether the target takes calls now (its breaker is not open)."""
        ...

    def free(self, target: str, lane: Lane) -> bool:
        """Whether a call of the target would get a slot at once."""
        ...


class Made(NamedTuple):
    """What came of calling one tier: the attempts in their order, the last of which counts, and why there are no more.

    Attributes:
        attempts: of the variant that was chosen, and of its fallbacks while they failed.
        denial: the budget, ceiling or cap that forbade the next call; None: none did.
        capped: it was a cap on escalations.
        out_of_time: no time was left for the next call.
        passed_over: fallbacks that were not called, as `variant:code`.
    """

    attempts: tuple[Attempt, ...] = ()
    denial: Denial | None = None
    capped: bool = False
    out_of_time: bool = False
    passed_over: tuple[str, ...] = ()

    @property
    def last(self) -> Attempt | None:
        """The attempt that counts; None: no call was made."""
        return self.attempts[-1] if self.attempts else None
