"""The file of a guard of likeness: weights that `stepwell cache train` learned, and what they were learned with."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from pipeline.contracts import Share, Whole
from pipeline.likeness import ENCODER, Weights
from pipeline.likeness.features import FEATURES
from pipeline.likeness.objections import CHECKS
from pipeline.likeness.weights import LEARNED_CHECKS
from pipeline.policy.models import SemanticCache, Target, Variant
from pipeline.policy.models.base import Section
from pipeline.policy.validate import first_of

__all__ = ["BrokenGuard", "Guard", "GuardFile", "encoder_of", "guard_name", "read_guard", "unfit"]

Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]


class BrokenGuard(ValueError):
    """The bytes are no guard; says why in a sentence that begins with the place."""


class GuardFile(Section):
    """What stands in the file of a guard.

    Attributes:
        encoder: whose cosines it was fitted to; those of another one are not to be weighed with it.
        similarity: the cosine below which nothing was a candidate when it was fitted.
        bias: of the sum.
        threshold: the share from which on two questions have one answer.
        measures: weight by the name of a measure.
        checks: those that forbid, whatever the sum. Those that nothing learned may outweigh do so even if they are
            not named, as where the file is older than one of them.
        words: weight of a word (in its stem) that only one of two questions has.
        source: what it was learned from.
        fitted: the day.
        questions: how many it was learned from.
        wrong: the share of hits that may be wrong, by its promise.
        precision: the share of its hits that was right, on questions that it had not seen.
        recall: the share of answerable ones it answered rightly there.
    """

    kind: Literal["guard"]
    encoder: str = Field(min_length=1, max_length=200)
    similarity: Share
    bias: Number
    threshold: Annotated[float, Field(gt=0.0, le=1.0)]
    measures: dict[str, Number]
    checks: tuple[str, ...] = ()
    words: dict[str, Number] = Field(default_factory=dict)
    source: str = Field(default="", max_length=400)
    fitted: str = Field(default="", max_length=40)
    questions: Whole | None = None
    wrong: Share | None = None
    precision: Share | None = None
    recall: Share | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = sorted({*self.measures} - {*FEATURES}) + sorted({*self.checks} - {*CHECKS})
        if unknown:
            raise ValueError(f"no measure or check of the guard is called {unknown[0]}")
        return self

    @property
    def weights(self) -> Weights:
        """As the guard takes them."""
        checks = tuple(dict.fromkeys((*LEARNED_CHECKS, *self.checks)))
        return Weights(self.bias, self.threshold, self.measures, checks, self.words, self.source)


@dataclass(frozen=True, slots=True)
class Guard:
    """A learned guard in force. `name` is its path in the policy folder and the first 16 hex digits of its SHA-256."""

    name: str
    encoder: str
    similarity: float
    weights: Weights


def read_guard(path: str, body: bytes) -> Guard:
    """The guard in a file at `path`.

    Raises:
        BrokenGuard: it holds none.
    """
    try:
        file = GuardFile.model_validate_json(body)
    except ValidationError as error:
        raise BrokenGuard(first_of(error)) from None
    return Guard(guard_name(path, body), file.encoder, file.similarity, file.weights)


def guard_name(path: str, body: bytes) -> str:
    """As records name it."""
    return f"{path}@{hashlib.sha256(body).hexdigest()[:16]}"


def unfit(guard: Guard, semantic: SemanticCache, encoder: str) -> str | None:
    """Why the guard is not one for a route that compares like this, as the rest of a sentence; None: it is."""
    if guard.encoder != encoder:
        return f"was fitted with the encoder {guard.encoder}, and this route compares with {encoder}: fit it again"
    if semantic.similarity < guard.similarity:
        return (
            f"was fitted to candidates of a similarity of {guard.similarity:g} and more, and this route takes them "
            f"from {semantic.similarity:g} on: fit it again with --similarity {semantic.similarity:g}"
        )
    return None


def encoder_of(semantic: SemanticCache, variants: Mapping[str, Variant], targets: Mapping[str, Target]) -> str:
    """Whose cosines a route compares: of the encoder that comes along, or of that of its embedder."""
    variant = variants.get(semantic.embedder) if semantic.embedder is not None else None
    target = targets.get(variant.target) if variant is not None else None
    return ENCODER if target is None else target.encoder
