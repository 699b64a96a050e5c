"""Which answers that would stay are escalated all the same, so that there are labels that no decision chose. Pure.

The draw follows from the request's own keyed number and its id: whoever reads the record can make it again, and nobody
who only knows the id can foresee it.
"""

from hashlib import blake2b

__all__ = ["explores"]


def explores(key: str, draw: float, share: float) -> bool:
    """Whether a share of all requests holds this one.

    Args:
        key: `<tenant>.<id>` of the request.
        draw: its keyed number, `plan.signals.draw`.
        share: how many are to be explored; each with this probability.
    """
    if share <= 0.0:
        return False
    digest = blake2b(f"explore {draw!r} {key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2.0**64
