"""Scored tokens of an answer: how likely each was, and what else might have stood in its place."""

from pipeline.contracts.base import OpenContract, Whole

__all__ = ["Alternative", "TokenLogprob"]


class Alternative(OpenContract):
    """A token that might have stood at a place, the chosen one included, with its natural log-probability.

    `raw`: its bytes, where the endpoint gave them and they are not the token in UTF-8: a part of a letter.
    """

    token: str
    logprob: float
    raw: tuple[Whole, ...] | None = None


class TokenLogprob(OpenContract):
    """One token of an answer with its natural log-probability.

    `top`: those of the likeliest tokens at its place, the best first, where the endpoint shows them. `alternatives` are
    these tokens themselves and `raw` its bytes (see `Alternative`), where the caller asked for log-probabilities.
    """

    token: str
    logprob: float
    top: tuple[float, ...] = ()
    raw: tuple[Whole, ...] | None = None
    alternatives: tuple[Alternative, ...] = ()
