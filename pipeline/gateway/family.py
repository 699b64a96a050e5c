"""A family of endpoints: paths with their handlers, and how it writes errors."""

from collections.abc import Iterable
from typing import Protocol

from aiohttp import web

from pipeline.gateway.problems import Problem

__all__ = ["Family", "as_openai"]


def as_openai(problem: Problem, request: web.Request) -> Problem:
    """Errors as problems are written anyway: in the shape of the OpenAI API."""
    del request
    return problem


class Family(Protocol):
    """Endpoints that belong together."""

    def routes(self) -> Iterable[web.RouteDef]:
        """Paths and handlers."""
        ...

    def problem(self, problem: Problem, request: web.Request) -> Problem:
        """An error on its way out, in the family's own shape."""
        ...
