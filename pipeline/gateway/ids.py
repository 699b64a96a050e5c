"""Ids for requests whose caller gave none: nobody can guess them, and no two are alike."""

import os
from typing import Final

__all__ = ["Ids"]

_BYTES: Final = 16
_AT_ONCE: Final = 256


class Ids:
    """Makes ids of 32 hexadecimal digits from the system's randomness, of which it draws enough for many at a time.

    A call of the system for each id takes longer than all the rest of it. A process that was forked draws anew, since
    what is left was handed to both.
    """

    def __init__(self) -> None:
        self._left: list[str] = []
        self._process = -1

    def __call__(self) -> str:
        """A new id."""
        if not self._left or self._process != os.getpid():
            drawn = os.urandom(_BYTES * _AT_ONCE).hex()
            self._left = [drawn[at : at + 2 * _BYTES] for at in range(0, len(drawn), 2 * _BYTES)]
            self._process = os.getpid()
        return self._left.pop()
