"""What of the answers of a route is remembered, and which question an answer may serve again."""

from typing import Literal

from pydantic import Field

from pipeline.contracts import Name, Share, Whole
from pipeline.policy.models.base import Seconds, Section

__all__ = ["CachePolicy", "SemanticCache", "Verifier"]


class Verifier(Section):
    """A model that is asked whether two questions have the same answer; a hit needs a probability of `above`."""

    variant: Name
    above: Share = 0.9


class SemanticCache(Section):
    """Answers to questions that mean the same.

    Attributes:
        within: whose answers may serve whom. Further than one user only where the policy says so.
        similarity: the cosine below which a remembered question is no candidate. The vector only finds candidates; the
            guard decides.
        candidates: how many are looked at.
        embedder: the built-in encoder, or a target that gives embeddings.
        verifier: asked after the guard; None: nobody is.
    """

    within: Literal["session", "user", "tenant"] = "user"
    similarity: Share = 0.7
    candidates: Whole = Field(default=5, ge=1, le=50)
    embedder: Literal["builtin"] | Name = "builtin"
    verifier: Verifier | None = None


class CachePolicy(Section):
    """Whether answers of the route are remembered, for how many seconds, and for whom.

    Attributes:
        callers_may: which wishes of a request count: no-cache, no-store, max-age.
        share_flight: identical requests that are under way at the same time are answered once.
        semantic: answers to questions that mean the same; None: only to the very same question.
    """

    enabled: bool = True
    ttl: Seconds = 3600.0
    callers_may: tuple[Literal["no-cache", "no-store", "max-age"], ...] = ("no-cache", "no-store", "max-age")
    share_flight: bool = True
    semantic: SemanticCache | None = None
