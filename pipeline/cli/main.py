"""The command `stepwell`: all groups of verbs in one application.

A command line names its verb first, and only the module of that verb is loaded: all of them take longer to load than
most verbs take to run.
"""

import importlib
import logging
import os
from typing import Final

import typer

from pipeline.cli.hooks import Hooks

__all__ = ["GROUPS", "make_app"]

GROUPS: Final = (
    "ask",
    "audit",
    "batch",
    "budget",
    "cache",
    "calibrate",
    "confidence",
    "cost",
    "dead",
    "demo",
    "difficulty",
    "doctor",
    "keys",
    "models",
    "outcome",
    "pii",
    "policy",
    "provision",
    "serve",
    "up",
    "worker",
)
_ELSEWHERE: Final = {"result": "ask", "weights": "outcome", "down": "up", "status": "up"}
"""Verbs that stand in a module of another name."""


def make_app(hooks: Hooks, verb: str | None = None) -> typer.Typer:
    """The application.

    Args:
        hooks: from the composition root, the only place that knows the stages.
        verb: the first word of the command line; of a verb alone its own module is loaded, of anything else all are.
    """
    root = typer.Typer(
        name="stepwell",
        no_args_is_help=True,
        help="An inference cascade on NATS: a request descends only as far as it must.",
        pretty_exceptions_show_locals=False,
    )
    root.callback()(_before)
    handed: dict[str, tuple[object, ...]] = {
        "policy": (hooks.planner,),
        "serve": (hooks.beside,),
        "worker": (hooks.run_worker,),
    }
    for group in _groups(verb):
        module = importlib.import_module(f"pipeline.cli.{group}")
        module.register(root, *handed.get(group, ()))
    return root


def _groups(verb: str | None) -> tuple[str, ...]:
    group = _ELSEWHERE.get(verb or "", verb)
    return (group,) if group in GROUPS else GROUPS


def _before() -> None:
    """An inference cascade on NATS: a request descends only as far as it must."""
    logging.basicConfig(
        level=os.environ.get("STEPWELL_LOG", "WARNING").upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
