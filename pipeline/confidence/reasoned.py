"""Scored tokens of an answer apart from those of the reasoning before it. Pure.

Endpoints that reason often score both in one list; a doubt on the way says nothing about the answer.
"""

from collections.abc import Sequence

from pipeline.contracts import TokenLogprob

__all__ = ["of_answer"]


def of_answer(scored: Sequence[TokenLogprob], reasoning: str, text: str) -> Sequence[TokenLogprob]:
    """The scored tokens without those of the reasoning before them.

    Few more than the text needs are the text's alone. Where they are many, and neither the reasoning nor the text is
    found in them, none are kept.
    """
    thought = reasoning.strip()
    if not thought:
        return scored
    bare = text.strip()
    joined = "".join([token.token for token in scored])
    if len(joined) < len(bare) + len(thought) / 2:
        return scored
    at = joined.find(thought)
    begin = at + len(thought) if at >= 0 else joined.rfind(bare) if bare else -1
    return _from(scored, begin) if begin >= 0 else ()


def _from(scored: Sequence[TokenLogprob], begin: int) -> Sequence[TokenLogprob]:
    """The tokens from the one that ends behind `begin`."""
    end = 0
    for at, token in enumerate(scored):
        end += len(token.token)
        if end > begin:
            return scored[at:]
    return ()
