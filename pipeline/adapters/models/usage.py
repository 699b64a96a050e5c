"""What a provider says that a call used, in the one way of counting of `contracts.Usage`. Pure.

Providers count differently, and each of these differences was somebody's wrong invoice:

- OpenAI: `prompt_tokens` holds `prompt_tokens_details.cached_tokens`, `completion_tokens` holds the reasoning.
- Anthropic: `input_tokens` holds neither `cache_read_input_tokens` nor `cache_creation_input_tokens`.
- DeepSeek: `prompt_tokens` is the sum of `prompt_cache_hit_tokens` and `prompt_cache_miss_tokens`.
- Servers that speak for others keep the names of one and the counting of another: `Price.cached` and
  `Price.reasoning_counted` say what holds for a target.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pipeline.contracts import MAX_WHOLE, Usage
from pipeline.contracts.trusted import trusted
from pipeline.policy.models import Price

__all__ = ["merged", "read_usage"]

_PLAIN: Final = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
"""All that most servers say; then there are no parts to look for."""
_CACHED: Final = ("cached_tokens", "cache_read_input_tokens", "prompt_cache_hit_tokens")
_WRITTEN: Final = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
_REASONED: Final = ("reasoning_tokens",)
_HEARD: Final = ("audio_tokens",)
_SEEN: Final = ("image_tokens",)
_ASKED: Final = ("prompt_tokens", "input_tokens")
_ANSWERED: Final = ("completion_tokens", "output_tokens")


def read_usage(reported: Mapping[str, Any], price: Price | None = None) -> Usage | None:
    """The usage in one way of counting; None where neither side of the call was counted: then nobody reported it.

    Args:
        reported: the object `usage` of an answer.
        price: of the target; says how its provider counts where the names do not.
    """
    asked, answered = _first(reported, _ASKED), _first(reported, _ANSWERED)
    if asked is None and answered is None:
        return None
    if reported.keys() <= _PLAIN:
        return trusted(Usage, {"input_tokens": asked or 0, "output_tokens": answered or 0})
    details = _details(reported, "prompt_tokens_details", "input_tokens_details")
    produced = _details(reported, "completion_tokens_details", "output_tokens_details")
    cached = _part(_CACHED, details, reported)
    written = _part(_WRITTEN, details, reported)
    prompt = asked or 0
    if _beside(reported, price) or cached + written > prompt:
        prompt += cached + written
    reasoning = _part(_REASONED, produced, reported)
    completion = answered or 0
    if (price is not None and price.reasoning_counted == "beside") or reasoning > completion:
        completion += reasoning
    values = {
        "input_tokens": min(prompt, MAX_WHOLE),
        "output_tokens": min(completion, MAX_WHOLE),
        "cached_tokens": cached,
        "cache_write_tokens": written,
        "reasoning_tokens": reasoning,
        "audio_input_tokens": _part(_HEARD, details),
        "audio_output_tokens": _part(_HEARD, produced),
        "image_tokens": _part(_SEEN, details),
    }
    return trusted(Usage, values)


def merged(earlier: Usage | None, later: Usage | None) -> Usage | None:
    """Of two reports about one answer the higher count of each kind: streams count up, or tell a side at a time."""
    if earlier is None or later is None:
        return later or earlier
    return Usage.model_construct(
        **{name: max(getattr(earlier, name), getattr(later, name)) for name in Usage.model_fields}
    )


def _beside(reported: Mapping[str, Any], price: Price | None) -> bool:
    """Whether cached and written tokens are not part of the prompt tokens reported."""
    if "prompt_tokens" not in reported and "input_tokens_details" not in reported:
        return True  # Anthropic's own names, and its counting
    return price is not None and price.cached == "beside"


def _first(reported: Mapping[str, Any], names: Iterable[str]) -> int | None:
    """The first of these counts that is there; None: none is. What is no count says nothing."""
    for name in names:
        value = reported.get(name)
        if type(value) is int and value >= 0:
            return min(value, MAX_WHOLE)
    return None


def _part(names: Iterable[str], *places: Mapping[str, Any]) -> int:
    """The count by one of these names in the first place that has it; 0: none has."""
    for place in places:
        found = _first(place, names) if place else None
        if found is not None:
            return found
    return 0


def _details(reported: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        value = reported.get(name)
        if isinstance(value, Mapping):
            return value
    return {}
