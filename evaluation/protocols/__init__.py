"""One file for each protocol; `PROTOCOLS` is the list of them, by the name that `ONLY` takes."""

from importlib import import_module
from typing import Final, cast

from evaluation.report import Protocol

__all__ = ["PROTOCOLS", "protocol"]

PROTOCOLS: Final = {
    "H1": "evaluation.protocols.routing",
    "H2": "evaluation.protocols.floors",
    "PROMISE": "evaluation.protocols.promise",
    "H3": "evaluation.protocols.functions",
    "S1": "evaluation.protocols.likeness",
    "J1": "evaluation.protocols.repair",
    "WATCH": "evaluation.protocols.watch",
}
"""Name and module; each module has a function `run` of the type `Protocol`."""


def protocol(name: str) -> Protocol:
    """The protocol of this name. Raises `KeyError`."""
    return cast("Protocol", import_module(PROTOCOLS[name]).run)
