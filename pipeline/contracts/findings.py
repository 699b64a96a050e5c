"""What was found in a request, how strictly its data is kept, and which target may see how much of it."""

from typing import Literal, NamedTuple

from pydantic import Field

from pipeline.contracts.base import Name, OpenContract, Origin, Share, Whole

__all__ = ["Action", "Classification", "DataClass", "Finding", "Mark", "Residency", "Shielded"]

DataClass = Literal["public", "internal", "confidential", "restricted"]
"""The classes of data, from the mildest to the strictest."""

Action = Literal["allow", "pseudonymise", "mask", "local_only", "deny"]
"""What may happen with data at a target, from the weakest to the strongest."""


class Finding(OpenContract):
    """How often one kind of personal data occurs, and with which score. Never the data itself."""

    type: str
    count: Whole = Field(ge=1)
    score: Share | None = None


class Mark(NamedTuple):
    """Where a finding stands: characters `start` to `end` of text unit `unit` of the request (see disclosure.units).

    It says where personal data is, so that a target may be kept from it, and never what it is.
    """

    unit: Whole
    start: Whole
    end: Whole
    type: str
    score: Share


class Residency(OpenContract):
    """What the residency policy says about one target, and which rule said it.

    `pseudonymise` and `mask` name the types that the target must not see as they are, `*` all of them: the union over
    all rules that hold, whichever rule decided the action. A type in both is masked.
    """

    target: Name
    action: Action
    rule: str | None = None
    reason: str | None = None
    pseudonymise: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()


class Shielded(OpenContract):
    """What a target was kept from: how many findings of a type were replaced, or that a field was left out."""

    action: Literal["pseudonymise", "mask", "omit"]
    what: str
    count: Whole = Field(ge=1)


class Classification(OpenContract):
    """What the request contains and who may see it.

    Attributes:
        names_scanned: people and places were looked for as well.
        names_covered: every text is in a language whose names the scan knows (true also where names were not needed).
        units: fingerprint of the text units that were scanned; who uses `marks` compares it with the units he sees.
        marks: where the findings stand. Empty without `units`: then nothing may be concluded from it.
    """

    data_class: DataClass
    findings: tuple[Finding, ...] = ()
    special: tuple[str, ...] = ()
    origin: Origin | None = None
    scan: Literal["complete", "partial", "failed"]
    names_scanned: bool = False
    names_covered: bool = True
    engine: str
    units: str | None = None
    marks: tuple[Mark, ...] = ()
    residency: tuple[Residency, ...] = ()

    def action_for(self, target: str) -> Action:
        """The residency decision for `target`; a target nobody decided about is denied."""
        return next((entry.action for entry in self.residency if entry.target == target), "deny")
