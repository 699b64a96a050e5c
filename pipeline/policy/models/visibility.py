"""What providers, and the places where something is kept, may see of a request."""

from typing import Final, Literal

from pydantic import Field

from pipeline.contracts import DataClass, Name
from pipeline.policy.models.base import Section

__all__ = ["REQUIRED", "Ceiling", "Exposed", "Sinks", "Visibility"]


class Ceiling(Section):
    """The strictest class of data that may be kept in full."""

    up_to: DataClass = "restricted"


Exposed = Literal[
    "messages",
    "system",
    "tools",
    "tool_results",
    "response_schema",
    "images",
    "names",
    "user",
    "session",
    "metadata",
    "request_id",
    "traceparent",
]
"""A field of a request that a provider may or may not see."""
REQUIRED: Final[tuple[Exposed, ...]] = ("messages", "system", "tools", "tool_results", "response_schema", "images")
"""Fields without which a request would be another one: who may not see them cannot serve it."""
_USUAL: Final[tuple[Exposed, ...]] = (*REQUIRED, "names", "request_id", "traceparent")


class Sinks(Section):
    """What else than a provider sees requests: `telemetry` lists what a trace may say of who asked."""

    cache: Ceiling = Ceiling()
    dead_letters: Ceiling = Ceiling()
    telemetry: tuple[Literal["tenant", "session", "request_id"], ...] = ("tenant", "session", "request_id")


class Visibility(Section):
    """What each provider may see, `default` for those that are not named, and what may be kept where."""

    providers: dict[Name, tuple[Exposed, ...]] = Field(default_factory=dict)
    sinks: Sinks = Sinks()

    def shown_to(self, provider: str) -> tuple[Exposed, ...]:
        """The fields that this provider may see."""
        return self.providers.get(provider, self.providers.get("default", _USUAL))
