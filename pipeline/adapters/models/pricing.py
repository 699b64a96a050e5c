"""What a call cost."""

from pipeline.contracts import Usage
from pipeline.policy.models import Price

__all__ = ["cost_usd"]

_TOKENS = 1_000_000


def cost_usd(usage: Usage, price: Price | None) -> float | None:
    """US dollars for `usage`; None when nobody knows the price.

    `usage.input_tokens` counts the cached ones too; those are charged at `price.cached_input` where it is given.
    """
    if price is None:
        return None
    cached = min(usage.cached_tokens, usage.input_tokens)
    cached_price = price.input if price.cached_input is None else price.cached_input
    fresh = (usage.input_tokens - cached) * price.input
    return (fresh + cached * cached_price + usage.output_tokens * price.output) / _TOKENS
