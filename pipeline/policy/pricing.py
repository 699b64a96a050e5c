"""What a call cost and may cost, and what is above a ceiling. US dollars; prices are for a million tokens. Pure."""

from collections.abc import Collection
from typing import Final

from pipeline.contracts import Usage
from pipeline.policy.models import Price, Route

__all__ = [
    "CHARACTERS",
    "above_ceiling",
    "cost_usd",
    "estimated_tokens",
    "is_free",
    "too_dear",
    "worst_cost",
]

CHARACTERS: Final = 4
"""Characters that one token stands for where nobody counted: the usual rule of thumb for English prose."""
_TOKENS: Final = 1_000_000
_EQUAL: Final = 1 + 1e-9
"""A price for one token, times a million, is off in its last digit; that much above a ceiling is at it."""


def cost_usd(usage: Usage, price: Price | None) -> float | None:
    """US dollars for `usage`; None when nobody knows the price.

    Each kind of token is a part of the input or the output, and costs as much as that where it is not priced apart.
    Parts that were reported larger than the whole are cut to it, so that nothing is charged twice.
    """
    if price is None:
        return None
    parts_in = (
        (usage.cached_tokens, price.cached_input),
        (usage.cache_write_tokens, price.cache_write),
        (usage.audio_input_tokens, price.audio_input),
        (usage.image_tokens, price.image),
    )
    parts_out = ((usage.audio_output_tokens, price.audio_output), (usage.reasoning_tokens, price.reasoning))
    asked = _side(usage.input_tokens, price.input, parts_in)
    answered = _side(usage.output_tokens, price.output, parts_out)
    return (asked + answered) / _TOKENS


def _side(tokens: int, usual: float, parts: Collection[tuple[int, float | None]]) -> float:
    left, cost = tokens, 0.0
    for count, price in parts:
        taken = min(count, left)
        left -= taken
        cost += taken * (usual if price is None else price)
    return cost + left * usual


def worst_cost(
    price: Price | None, input_tokens: int, output_tokens: int, modalities: Collection[str] = ()
) -> float | None:
    """US dollars that a call may cost at most: every token of the dearest kind it may be. None: no price is known.

    `modalities` are what else than text the request holds; only then its tokens may cost as much as those do.
    """
    if price is None:
        return None
    asked = _dearest(price.input, price.cached_input, price.cache_write)
    answered = _dearest(price.output, price.reasoning)
    if modalities:
        if "audio" in modalities:
            asked = _dearest(asked, price.audio_input)
            answered = _dearest(answered, price.audio_output)
        if "image" in modalities or "images" in modalities:
            asked = _dearest(asked, price.image)
    return (input_tokens * asked + output_tokens * answered) / _TOKENS


def _dearest(usual: float, *others: float | None) -> float:
    for price in others:
        if price is not None and price > usual:
            usual = price
    return usual


def too_dear(route: Route, price: Price | None) -> str | None:
    """Why the route's own ceilings leave out what has this price; None when they do not."""
    most, per_token = route.max_price, route.max_cost_per_token
    if most is not None and (why := above_ceiling(price, most.input, most.output, "the route")):
        return why
    if per_token is None:
        return None
    return above_ceiling(price, per_token * _TOKENS, per_token * _TOKENS, "the route")


def above_ceiling(price: Price | None, most_in: float | None, most_out: float | None, whose: str) -> str | None:
    """Why a price is above a ceiling in US dollars for a million tokens; None when it is not. Unknown is too high."""
    if most_in is None and most_out is None:
        return None
    if price is None:
        return f"its price is unknown, and {whose} has a ceiling"
    for side, asked, most in (("input", price.input, most_in), ("output", price.output, most_out)):
        if most is not None and asked > most * _EQUAL:
            return f"{asked:g} USD for a million {side} tokens is above the ceiling of {most:g} that {whose} sets"
    return None


def estimated_tokens(characters: int) -> int:
    """Tokens in a text of so many characters, where nobody counted them."""
    return -(-max(0, characters) // CHARACTERS)


def is_free(price: Price | None) -> bool:
    """Whether nothing costs anything there; then nobody has to report what was used."""
    if price is None:
        return False
    priced = price.model_dump(exclude={"source", "as_of", "cached", "reasoning_counted"}, exclude_none=True)
    return not any(priced.values())
