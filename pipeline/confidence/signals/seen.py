"""What signals look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pipeline.contracts import Json, JsonObject, TokenLogprob, ToolCall

__all__ = ["Near", "Nearby", "Seen", "Usual"]


@dataclass(frozen=True, slots=True)
class Usual:
    """Mean and standard deviation of ln(1 + characters), over so many answers."""

    mean: float
    deviation: float
    count: int


@dataclass(frozen=True, slots=True)
class Near:
    """A judged draft to another question.

    Attributes:
        similarity: how alike the two questions are, as a cosine.
        right: whether that draft was.
        stands_for: how many drafts it stands for, of those like it that nobody judged; 1: for itself.
    """

    similarity: float
    right: bool
    stands_for: float = 1.0


@dataclass(frozen=True, slots=True)
class Nearby:
    """Judged drafts to questions like this one, and the share of right ones among all judged ones of the route."""

    near: tuple[Near, ...] = ()
    prior: float | None = None


class Seen(NamedTuple):
    """An answer and what is known around it.

    Attributes:
        text: the answer, as the model gave it.
        question: the texts of the conversation, joined by line breaks.
        document: the answer as a document, where `has_document`; as it was after repairs.
        schema: what the document should satisfy.
        schema_state: how it stands to that.
        repairs: what was changed to read it, in words.
        tokens: the scored tokens; None where the endpoint gives none.
        finish_reason: why the model stopped, in its words.
        samples: further answers of the same model.
        opinions: answers of other models to the same question.
        verified: how probably the answer is right, by the model that gave it.
        judged: the same by another model.
        usual: how long answers of its segment are.
        prior: the share of right answers in its segment.
        difficulty: how likely a small model fails at this question, by a score learned from alike ones.
        neighbours: how earlier drafts to questions like this one fared, where the route remembers that.
    """

    text: str = ""
    question: str = ""
    document: Json = None
    has_document: bool = False
    schema: JsonObject | None = None
    schema_state: Literal["none", "valid", "repaired", "invalid"] = "none"
    repairs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    tokens: Sequence[TokenLogprob] | None = None
    finish_reason: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    samples: tuple[str, ...] = ()
    opinions: tuple[str, ...] = ()
    verified: float | None = None
    judged: float | None = None
    usual: Usual | None = None
    prior: float | None = None
    difficulty: float | None = None
    neighbours: Nearby | None = None
