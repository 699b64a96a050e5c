"""What was found in an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.contracts import Json, ToolCall

__all__ = ["Findings"]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in an attempt.

    Attributes:
        schema_state: how it stands to the response schema.
        content: the repaired text; None: the attempt's own text is the answer.
        parsed: the document, where it satisfies the schema.
        repairs: what was changed, in words.
        problems: where it breaks the schema; places in the schema, never text of the answer.
        confidence: how sure it sounds, between 0 and 1, before any calibration; None: nothing is known.
        signals: all scores.
        empty: there is neither text nor a call of a tool.
        ended: what the end of the answer has against it: a filter kept it back, or a limit of ours cut it off.
        tool_calls: those with repaired arguments; None: as they came, or none.
        agrees: how far the answer of the tier before says the same; None: there is none.
    """

    schema_state: Literal["none", "valid", "repaired", "invalid"] = "none"
    content: str | None = None
    parsed: Json = None
    repairs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    confidence: float | None = None
    signals: Mapping[str, float | None] = field(default_factory=dict)
    empty: bool = False
    ended: Literal["filtered", "cut_off"] | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    agrees: float | None = None

    @property
    def unfit(self) -> Literal["empty", "filtered", "cut_off"] | None:
        """Why this is not a whole answer, at whatever tier; None: it is one."""
        return "empty" if self.empty and self.ended is None else self.ended

    @property
    def void(self) -> bool:
        """Whether there is no answer in it that anybody could be sure of."""
        return self.empty or self.ended == "filtered"
