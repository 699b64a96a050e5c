"""The facts that tests inside policy files state."""

from typing import Literal

from pydantic import Field

from pipeline.contracts import DataClass, Name, Origin, Share, Whole
from pipeline.policy.models.base import Section

__all__ = ["Given"]


class Given(Section):
    """The facts an example states; what it leaves out has the value of a plain English chat request.

    `data_class` and `identifiable` follow from the types where they are left out, and so does what is special in them.
    """

    tenant: Name = "default"
    task: str | None = None
    language: str | None = None
    has_schema: bool = False
    has_tools: bool = False
    has_images: bool = False
    has_system: bool = False
    has_tool_results: bool = False
    message_count: Whole = 1
    characters: Whole = 100
    lane: Literal["interactive", "batch"] = "interactive"
    origin: Origin | None = None
    data_class: DataClass | None = None
    types: tuple[str, ...] = ()
    special: tuple[str, ...] = ()
    scan: Literal["complete", "partial", "failed"] = "complete"
    names_covered: bool = True
    identifiable: bool | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    user_tier: Name | None = None
    turns: Whole = 1
    tokens: Whole = 30
    max_tokens: Whole | None = None
    complexity: Share = 0.0
    difficulty: Share | None = None
    wants_code: bool = False
    wants_math: bool = False
    wants_json: bool = False
    modalities: tuple[str, ...] = ()
    has_session: bool = False
    budget_left: Share = 1.0
    deadline_left_ms: Whole = 120_000
