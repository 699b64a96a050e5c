"""`stepwell pii`: what a scan finds in a text, the models for names, and what stands behind a pseudonym."""

import typer

from pipeline.cli import pii_models, pii_reveal, pii_scan

__all__ = ["register"]


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="Personal data and credentials in texts.")
    group.callback()(_group)
    for part in (pii_scan, pii_models, pii_reveal):
        part.register(group)
    root.add_typer(group, name="pii")


def _group() -> None:
    """Personal data and credentials in texts."""
