"""`kind: Routes`: what kinds of requests there are, and how each may be served."""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from pipeline.contracts import Name, Share, Whole
from pipeline.policy.models.accept import Accept
from pipeline.policy.models.base import Money, Section
from pipeline.policy.models.escalation import Escalation
from pipeline.policy.models.examples import Given
from pipeline.policy.models.remember import CachePolicy

__all__ = [
    "Preference",
    "PriceCeiling",
    "Route",
    "RouteExample",
    "RoutesFile",
    "SkipDraft",
    "TierSpec",
]


def _number_as_text(value: object) -> object:
    """A score that is a plain number is CEL too."""
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


ScoreText = Annotated[str, BeforeValidator(_number_as_text, json_schema_input_type=str | float)]


class TierSpec(Section):
    """One rung of a cascade: variants with weights that sum to 1, and who takes over where one fails.

    `choose` says by what one variant is chosen among the eligible: by its weight (and then a session keeps it), the
    lowest expected cost, the lowest expected latency, a balance of both, or affinity (the same beginning of a prompt
    goes to the same variant, where a server has it in its memory).
    """

    variants: dict[Name, Share] = Field(min_length=1)
    choose: Literal["weights", "cost", "latency", "balance", "affinity"] = "weights"
    fallbacks: tuple[Name, ...] = Field(default=(), max_length=8)


class PriceCeiling(Section):
    """The highest price of a target that is taken, in US dollars for a million tokens."""

    input: Money | None = None
    output: Money | None = None


class SkipDraft(Section):
    """Whether the draft is left out where it would not pay: where escalations make the stairs dearer or slower.

    It pays by the route's own record: the share of drafts that sufficed, what they cost and how long they took. Below
    `minimum` drafts nothing is concluded. One request in `explore` is drafted all the same, so that the record stays
    fresh.
    """

    when: Literal["never", "cost", "latency", "either", "both"] = "never"
    minimum: Whole = Field(default=50, ge=1)
    explore: Share = 0.05


Preference = Literal["order", "only", "ignore", "allow_fallbacks", "data_collection", "sort", "max_price"]
_ALL_PREFERENCES: Final[tuple[Preference, ...]] = (
    "order", "only", "ignore", "allow_fallbacks", "data_collection", "sort", "max_price"
)  # fmt: skip


class RouteExample(Section):
    """A test inside the file: these facts must take this route."""

    given: Given
    expect: Name


class Route(Section):
    """What kind of request this is (`match`, CEL over `req`) and how it may be served, cheapest tier first.

    Attributes:
        kind: whether it answers (`chat`) or makes vectors of texts (`embedding`); requests for the one never come to a
            route of the other. All targets of a route that makes vectors have one encoder.
        score: with `choose: scored`, CEL that gives a number; of the routes that match the highest takes the request.
        only: the targets or providers that may serve it; None: any.
        ignore: the targets or providers that may not.
        regions: where targets should be, the best first; a preference, not a rule.
        max_price: prices above which a target is not taken.
        max_cost_per_token: US dollars for a token, input or output, above which a target is not taken.
        latency_target_ms: targets whose measured latency is within it come first.
        callers_may: what of `provider` in a request counts here.
        on_capped: what happens when an escalation is due and its cap does not allow it.
        response_schema_file: the schema of answers to requests that bring none, as a file beside the policies.
    """

    name: Name
    kind: Literal["chat", "embedding"] = "chat"
    match: str = "true"
    score: ScoreText | None = None
    tiers: tuple[TierSpec, ...] = Field(min_length=1, max_length=8)
    accept: Accept = Accept()
    max_escalations: Whole = Field(default=1, ge=0, le=8)
    on_exhausted: Literal["degrade", "fail"] = "degrade"
    cache: CachePolicy = CachePolicy()
    escalation: Escalation = Escalation()
    only: tuple[Name, ...] | None = None
    ignore: tuple[Name, ...] = ()
    regions: tuple[Name, ...] = ()
    max_price: PriceCeiling | None = None
    max_cost_per_token: Money | None = None
    latency_target_ms: Whole | None = Field(default=None, ge=1)
    callers_may: tuple[Preference, ...] = _ALL_PREFERENCES
    skip_draft: SkipDraft = SkipDraft()
    on_capped: Literal["degrade", "queue", "refuse"] = "degrade"
    response_schema_file: str | None = None


class RoutesFile(Section):
    """`kind: Routes`: the first route whose `match` is true serves the request; if `scored`, the best one.

    `record_metadata` are the keys of a request's metadata that a record may keep, besides task and language.
    """

    apiVersion: Literal["stepwell/v1"]
    kind: Literal["Routes"]
    choose: Literal["first", "scored"] = "first"
    record_metadata: tuple[str, ...] = ()
    difficulty_file: str | None = None
    routes: tuple[Route, ...] = Field(min_length=1)
    examples: tuple[RouteExample, ...] = ()
