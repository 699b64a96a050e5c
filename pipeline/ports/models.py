"""Who calls models."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from pipeline.contracts import Lane, TokenLogprob, ToolCall, Usage

__all__ = ["Completion", "ModelCall", "ModelClient", "Permit", "TokenSink"]


class Permit(Protocol):
    """Proof that the residency decision lets one target see one view of a request. Only `disclosure.guard` makes it."""

    @property
    def target(self) -> str:
        """Name of the target that it is for."""
        ...


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model at a target. What is sent stands in the permit, and nowhere else.

    `deadline_s` is the time left, in seconds from now.
    """

    permit: Permit
    deadline_s: float
    lane: Lane = "interactive"


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. Times in milliseconds; `calls` counts the tries, retries included.

    `usage_reported` is False where the endpoint did not say what it used: then nobody knows what the call cost.
    """

    model: str
    text: str | None
    finish_reason: str | None
    usage: Usage
    tool_calls: tuple[ToolCall, ...] | None = None
    tokens: tuple[TokenLogprob, ...] | None = None
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    calls: int = 1
    usage_reported: bool = True


TokenSink = Callable[[str], Awaitable[bool]]
"""Takes a piece of text as it is generated; False asks the client to stop generating."""


class ModelClient(Protocol):
    """Calls models."""

    async def complete(self, call: ModelCall, sink: TokenSink | None = None) -> Completion:
        """Call the target once (with its retries). Cancelling the task aborts the upstream call.

        Raises:
            TargetUnavailable, TargetTimeout, TargetOverloaded, TargetRejected, Cancelled, ResidencyRefused.
        """
        ...

    def healthy(self, target: str) -> bool:
        """Whether the target takes calls now (its breaker is not open)."""
        ...
