"""How sure the model was of the tokens that make up values. Pure.

Shares are probabilities: e to a log-probability. `token_margin` is by how much the best token leads the second best,
and `token_sureness` one minus the entropy of the alternatives as a share of the largest there can be; both need an
endpoint that shows alternatives (`extra: {top_logprobs: 5}` of a target asks for them).
"""

from collections.abc import Mapping, Sequence
from math import exp, fsum, log
from typing import Final

from pipeline.confidence.certainty import is_document, sureness, values_of
from pipeline.confidence.signals.seen import Seen

__all__ = ["NAMES", "probabilities", "signals"]

_QUANTILES: Final = (
    ("token_min", 0.0),
    ("token_q05", 0.05),
    ("token_q10", 0.1),
    ("token_q25", 0.25),
    ("token_q50", 0.5),
)
_ALTERNATIVES: Final = ("token_margin", "token_margin_min", "token_sureness")
NAMES: Final = ("token_mean", *(name for name, _ in _QUANTILES), *_ALTERNATIVES)

_NOTHING: Final[Mapping[str, float | None]] = dict.fromkeys(NAMES)


def signals(seen: Seen) -> Mapping[str, float | None]:
    """What the scored tokens tell; nothing where the endpoint gives none."""
    if not seen.tokens:
        return _NOTHING
    held = seen.schema is not None and not seen.tool_calls
    values = values_of(seen.text, seen.tokens, document=held or is_document(seen.text))
    sure = sureness(values, seen.tokens)
    chosen = values.tokens or seen.tokens
    return {
        "token_mean": sure.confidence,
        **_quantiles(sure.scores),
        **_alternatives([top for token in chosen if len(top := token.top) > 1]),
        **sure.signals,
    }


def probabilities(tops: Sequence[Sequence[float]]) -> dict[str, float | None]:
    """The same signals from the probabilities of alternatives, one row for each place of an answer.

    For recorded answers without tokens: a choice among options is one place.
    """
    if not tops:
        return dict(_NOTHING)
    logs = [sorted((log(max(value, 1e-12)) for value in row), reverse=True) for row in tops]
    best = sorted(row[0] for row in logs)
    mean = {"token_mean": min(1.0, exp(fsum(best) / len(best)))}
    return {**mean, **_quantiles(best), **_alternatives([row for row in logs if len(row) > 1])}


def _quantiles(scores: Sequence[float]) -> dict[str, float | None]:
    """Quantiles of ascending log-probabilities, as probabilities: the lower one of two neighbours."""
    last = len(scores) - 1
    return {name: min(1.0, exp(scores[int(share * last)])) for name, share in _QUANTILES}


def _alternatives(tops: Sequence[Sequence[float]]) -> dict[str, float | None]:
    if not tops:
        return dict.fromkeys(_ALTERNATIVES)
    margins = [max(0.0, min(1.0, exp(top[0]) - exp(top[1]))) for top in tops]
    sure = fsum(1.0 - _entropy(top) for top in tops) / len(tops)
    return {"token_margin": fsum(margins) / len(margins), "token_margin_min": min(margins), "token_sureness": sure}


def _entropy(top: Sequence[float]) -> float:
    """The entropy of the alternatives, made to sum to 1, as a share of the largest there can be."""
    weights = [exp(score) for score in top]
    total = fsum(weights)
    if total <= 0.0:
        return 1.0
    shares = [weight / total for weight in weights]
    entropy = -fsum(share * log(share) for share in shares if share > 0.0)
    return min(1.0, max(0.0, entropy / log(len(top))))
