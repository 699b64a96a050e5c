"""When an answer may stay, and what may be done to be surer of it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.contracts import Name, Share, Whole
from pipeline.policy.models.base import Seconds, Section

__all__ = ["Accept", "Look", "PastErrors"]


class Look(Section):
    """A further look at a draft that is neither sure nor unsure: further calls, each of them paid.

    It is left out where the deadline, a budget, the caller's ceiling or the residency of the data does not allow it.

    Attributes:
        kind: `samples` asks the variant of the draft again, up to `count` times, until the majority is decided;
            `opinion` asks another variant the same question; `verify` asks the variant of the draft whether its answer
            is right; `judge` asks another variant that.
        variant: who is asked, for `opinion` and `judge`.
        count: calls at most, for `samples`.
        temperature: of those samples.
    """

    kind: Literal["samples", "opinion", "verify", "judge"]
    variant: Name | None = None
    count: Whole = Field(default=3, ge=1, le=5)
    temperature: float = Field(default=0.7, gt=0.0, le=2.0)

    @model_validator(mode="after")
    def _asks_somebody(self) -> Self:
        if (self.variant is not None) is not (self.kind in ("opinion", "judge")):
            needs = "names the variant that is asked" if self.variant is None else "asks the variant of the draft"
            raise ValueError(f"{self.kind} {needs}: {'add' if self.variant is None else 'leave out'} variant")
        return self


class PastErrors(Section):
    """How earlier drafts to questions like this one fared, as a signal. It costs a vector for each request.

    Of each draft of the first tier its question is kept as a vector of the encoder that comes along (the extra
    `embeddings`), sealed, in Valkey, and whether the draft was right as far as that is known: it broke its schema, a
    deeper tier said the same or something else, or an outcome says so. Only drafts of the same tenant, route and
    variant, as that is defined, are ever compared. Requests of a class that may not be kept in memory
    (`visibility.sinks.cache`), or that ask for `no-store`, are neither kept nor compared.

    Attributes:
        nearest: how many judged drafts are looked at.
        most: judged drafts that are kept for one tenant, route and variant; the oldest make room.
        ttl: seconds for which one is kept.
    """

    nearest: Whole = Field(default=20, ge=5, le=100)
    most: Whole = Field(default=5000, ge=100, le=20_000)
    ttl: Seconds = 30 * 86_400.0


class Accept(Section):
    """When a draft may stay.

    Attributes:
        confidence: the threshold. A number; `promised`: the one that the file of the calibrator promises for the
            segment of the request (and where it can promise none, everything escalates); null: no threshold, the schema
            alone decides.
        calibrator_file: a file beside the policies (see `pipeline.policy.calibration`), made by `stepwell calibrate`:
            what makes a probability of how sure an answer is, whichever tier it comes from. Without it the raw score is
            the confidence.
        calls: which calls of tools stay on a route with a threshold. Endpoints give no log-probabilities for calls.
            `judged`: those with a confidence that reaches it, which a calibrator that learned the signals of calls
            gives; without such a one every call escalates. `valid`: those of tools that are offered, with arguments
            that hold their schema; no confidence is asked for, and a promise does not speak of them.
        looks: further looks at a draft in the grey zone, in this order, until one of them takes it out of the zone.
            What they say counts as much as the confidence does, unless the file of the calibrator has learned to weigh
            it. Under `promised` a look that the file has not learned can only take a draft away: what is promised was
            promised without it. Never at answers that call tools, or that the caller has begun to read.
        grey: the zone: this far below and above the threshold.
        corrective_turns: how often the model that broke the schema is told its errors and asked again, at each tier;
            not where the answer was cut off.
        explore: the share of drafts that would stay and are escalated all the same, so that there are labels that do
            not depend on the decision. Where no further tier answers, the draft is served as if nothing had been.
        past_errors: how earlier drafts to questions like this one fared is a signal (`neighbours_right`), which a
            calibrator can learn; null: nobody asks.
        on_invalid: what of an answer that never satisfied its schema the error carries: nothing, or its last text.
    """

    confidence: Share | Literal["promised"] | None = None
    calibrator_file: str | None = None
    calls: Literal["judged", "valid"] = "judged"
    looks: tuple[Look, ...] = Field(default=(), max_length=4)
    grey: Share = 0.15
    corrective_turns: Whole = Field(default=1, ge=0, le=3)
    explore: Share = 0.0
    past_errors: PastErrors | None = None
    on_invalid: Literal["nothing", "candidate"] = "nothing"
