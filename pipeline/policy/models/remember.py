"""What of the answers of a route is remembered, and which question an answer may serve again."""

from typing import Literal

from pydantic import Field

from pipeline.contracts import Name, Share, Whole
from pipeline.policy.models.base import Seconds, Section

__all__ = ["CachePolicy", "SemanticCache", "Verifier"]


class Verifier(Section):
    """A model that is asked whether both questions have the same answer, where the guard has nothing against it.

    It is shown both, so it must be one of our own, and every question it is shown must be one that it may see as it is.
    One that fails, is late, may not be asked or says anything but yes lets no remembered answer through.

    Attributes:
        variant: who is asked; its target is not `external`.
        above: how probable the same answer must be at least, by the log-probability of its word, where the target shows
            that; elsewhere yes is certain.
        timeout: seconds for its word, and never more than a third of what the request has left.
    """

    variant: Name
    above: Share = 0.9
    timeout: Seconds = 1.0


class SemanticCache(Section):
    """Answers to questions that mean the same, found by the vectors of an encoder.

    The vector only finds candidates: a guard compares numbers, units, names, negation, direction and word order, and
    decides; where a verifier is named, it has the last word about what the guard lets through.

    Attributes:
        within: whose answers may serve whom. Further than one user only where the policy says so; a request that names
            no user (or session) then has none.
        similarity: the cosine below which a remembered question is no candidate. Callers may ask for more, and answers
            that turned out wrong raise it.
        embedder: the variant that makes vectors of questions; None: the encoder that comes along (the extra
            `embeddings`). It is asked only about questions that its target may see as they are, and what it costs is
            paid like every call.
        candidates: how many are looked at.
        most: questions that are kept for one user, session or tenant; the oldest make room.
        verifier: who is asked about what the guard lets through; None: nobody.
        guard_file: a file beside the policies with the guard's weights, made by `stepwell cache train`; None: those
            that come along.
    """

    within: Literal["session", "user", "tenant"] = "user"
    similarity: Share = 0.7
    embedder: Name | None = None
    candidates: Whole = Field(default=5, ge=1, le=50)
    most: Whole = Field(default=2000, ge=1, le=20_000)
    verifier: Verifier | None = None
    guard_file: str | None = None


class CachePolicy(Section):
    """Whether answers of the route are remembered, for how many seconds, and for whom.

    Attributes:
        batch_ttl: for how many seconds at most answers to lines of batches are remembered. Lines that ask the same
            share their answer by the batch itself, for a day; to remember each of a million takes memory few ask for.
        callers_may: which wishes of a request count: to be answered anew (no-cache), to be neither answered from memory
            nor remembered (no-store), to be given no answer beyond an age (max-age). Others are passed over.
        share_flight: identical requests that are under way at the same time are answered once.
        semantic: answers to questions that mean the same; None: only to the very same question.
    """

    enabled: bool = True
    ttl: Seconds = 3600.0
    batch_ttl: Seconds = 60.0
    callers_may: tuple[Literal["no-cache", "no-store", "max-age"], ...] = ("no-cache", "no-store", "max-age")
    share_flight: bool = True
    semantic: SemanticCache | None = None
