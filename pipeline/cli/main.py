"""The command `stepwell`: all groups of verbs in one application."""

import importlib
import logging
import os
from typing import Final

import typer

from pipeline.cli.hooks import Hooks
from pipeline.cli.worker import register as register_worker

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
)


def make_app(hooks: Hooks) -> typer.Typer:
    """The application. `hooks` come from the composition root, the only place that knows the stages."""
    root = typer.Typer(
        name="stepwell",
        no_args_is_help=True,
        help="An inference cascade on NATS: a request descends only as far as it must.",
        pretty_exceptions_show_locals=False,
    )
    root.callback()(_before)
    handed: dict[str, tuple[object, ...]] = {"policy": (hooks.planner,), "serve": (hooks.beside,)}
    for group in GROUPS:
        module = importlib.import_module(f"pipeline.cli.{group}")
        module.register(root, *handed.get(group, ()))
    register_worker(root, hooks.run_worker)
    return root


def _before() -> None:
    """An inference cascade on NATS: a request descends only as far as it must."""
    logging.basicConfig(
        level=os.environ.get("STEPWELL_LOG", "WARNING").upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
