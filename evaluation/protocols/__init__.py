"""One file for each protocol; `PROTOCOLS` is the list of them, by the name that `ONLY` takes."""

from importlib import import_module
from typing import Final, cast

from evaluation.report import Protocol

__all__ = ["PROTOCOLS", "USUAL", "protocol"]

PROTOCOLS: Final = {
    "H1": "evaluation.protocols.routing",
    "H2": "evaluation.protocols.floors",
    "PROMISE": "evaluation.protocols.promise",
    "H3": "evaluation.protocols.functions",
    "S1": "evaluation.protocols.likeness",
    "J1": "evaluation.protocols.repair",
    "WATCH": "evaluation.protocols.watch",
    "NEIGHBOURS": "evaluation.protocols.neighbours",
}
"""Name and module; each module has a function `run` of the type `Protocol`."""
USUAL: Final = tuple(name for name in PROTOCOLS if name != "NEIGHBOURS")
"""Those that run where none is named: without the one that encodes eleven thousand questions."""


def protocol(name: str) -> Protocol:
    """The protocol of this name. Raises `KeyError`."""
    return cast("Protocol", import_module(PROTOCOLS[name]).run)
