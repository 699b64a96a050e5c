"""Looks for what cannot be meant although every part is right: rules that never match, routes that are never asked."""

from collections.abc import Iterator
from datetime import date

from pipeline.policy.compile import Compiled
from pipeline.policy.compiled import Policy
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import PolicySet

__all__ = ["doubtful", "hopeless"]


def hopeless(joined: PolicySet, found: Compiled) -> Iterator[Problem]:
    """What is refused."""
    yield from ()


def doubtful(policy: Policy, joined: PolicySet, today: date | None) -> Iterator[Problem]:
    """Warnings."""
    yield from ()
