"""The facts that tests inside policy files state."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.contracts import DataClass, Name, Origin, Share, Whole
from pipeline.policy.models.base import Section

__all__ = ["Given"]


class Given(Section):
    """The facts an example states; what it leaves out has the value of a plain English chat request.

    `data_class` and `identifiable` follow from the types where they are left out, and so does what is special in them.
    `embeds`: vectors are asked for.
    """

    tenant: Name = "default"
    task: str | None = None
    language: str | None = None
    embeds: bool = False
    has_schema: bool = False
    has_tools: bool = False
    has_images: bool = False
    has_system: bool = False
    has_tool_results: bool = False
    message_count: Whole = Field(default=1, ge=0)
    characters: Whole = Field(default=100, ge=0)
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
    turns: Whole = Field(default=1, ge=0)
    tokens: Whole = Field(default=30, ge=0)
    max_tokens: Annotated[Whole, Field(ge=1)] | None = None
    complexity: Share = 0.0
    difficulty: Share | None = None
    wants_code: bool = False
    wants_math: bool = False
    wants_json: bool = False
    modalities: tuple[str, ...] = ()
    has_session: bool = False
    budget_left: Share = 1.0
    deadline_left_ms: Whole = Field(default=120_000, ge=0)
