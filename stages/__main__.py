"""The command `stepwell`, which `python -m stages` is too.

Reading the program takes a third of a second, and nothing is begun meanwhile. Who interrupts it then wants no traceback
from the middle of an import: it ends at once, with the code that shells give to what was interrupted.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal reads enum and more first: 5 ms unguarded
import os

__all__ = ["INTERRUPTED", "main"]

INTERRUPTED = 130


def main() -> None:
    """Read the program and run what the command line says."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else whoever started it wants it left alone
    if ours:
        signal.signal(signal.SIGINT, _end)
    from stages.app import main as command

    command(_begin if ours else _leave)


def _end(*_: object) -> None:
    os._exit(INTERRUPTED)


def _begin() -> None:
    """From here on commands end by themselves what they began."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave() -> None:
    """Nothing was changed."""


if __name__ == "__main__":
    main()
