"""Parts of what is learned from, by key: what belongs together falls into the same one, always."""

from hashlib import sha256

__all__ = ["fold"]


def fold(key: str, salt: str = "fold", parts: int = 5) -> int:
    """The part that a key falls into, whatever else there is.

    Args:
        key: what belongs together has the same; case and white space are of no account.
        salt: of the lots.
        parts: how many there are.
    """
    plain = " ".join(key.lower().split())
    return int(sha256(f"{salt}|{plain}".encode()).hexdigest()[:8], 16) % parts
