"""`kind: Residency`: which personal data has which class, and which target may see it."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.contracts import Action, Name, Share, Whole
from pipeline.policy.languages import language
from pipeline.policy.models.base import Day, Seconds, Section
from pipeline.policy.models.examples import Given
from pipeline.policy.models.visibility import Visibility

__all__ = ["TRANSFORMS", "Output", "Pseudonyms", "ResidencyExample", "ResidencyFile", "ResidencyRule", "Scan"]


TRANSFORMS: Final = ("pseudonymise", "mask")
"""Actions that let a target see the request, but not the personal data in it."""
Types = Annotated[tuple[str, ...], Field(min_length=1)]


class ResidencyRule(Section):
    """Where `when` (CEL over `req` and `target`) is true, this action holds. The strictest action wins.

    `types` are the kinds of data that `pseudonymise` or `mask` keep from the target; left out, all of them. `expires`
    is the last day of what the rule was made for: `check` warns after it, and the rule goes on to hold.
    """

    id: Name
    when: str
    action: Action
    types: Types | None = None
    reason: str
    expires: Day | None = None

    @model_validator(mode="after")
    def _types_of_a_transform(self) -> Self:
        if self.types is not None and self.action not in TRANSFORMS:
            raise ValueError(f"types belong to pseudonymise and mask; {self.action} is about the whole request")
        return self


class ResidencyExample(Section):
    """A test inside the file: with these facts, this target gets this action, and these types are kept from it."""

    given: Given
    target: Name
    expect: Action
    pseudonymise: tuple[str, ...] | None = None
    mask: tuple[str, ...] | None = None


Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$"), AfterValidator(language)]


class Scan(Section):
    """Budgets of the scan for personal data. Beyond them the request counts as restricted.

    `languages` are those whose names are looked for; a text in another one is said to be uncovered.
    """

    max_bytes: Whole = Field(default=1_048_576, ge=1)
    timeout: Seconds = 2.0
    names: bool = True
    languages: tuple[Language, ...] = ("en",)


class Pseudonyms(Section):
    """How data is replaced: by its type and a number, or by something of the same format; and how long it is known."""

    style: Literal["typed", "format"] = "typed"
    ttl: Seconds = 86_400.0


class Output(Section):
    """Answers of models: those of which targets are scanned, and which kinds of data are masked in them.

    A streamed answer that is scanned comes about two hundred characters late.
    """

    scan: Literal["none", "external", "all"] = "none"
    mask: tuple[str, ...] = ()


class ResidencyFile(Section):
    """`kind: Residency`: which personal data has which class, and which target may see it."""

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Residency"]
    scan: Scan = Scan()
    classes: dict[Literal["restricted", "confidential", "internal"], tuple[str, ...]]
    thresholds: dict[str, Share] = Field(default_factory=dict)
    special: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    pseudonyms: Pseudonyms = Pseudonyms()
    output: Output = Output()
    visibility: Visibility = Visibility()
    rules: tuple[ResidencyRule, ...] = ()
    examples: tuple[ResidencyExample, ...] = ()
