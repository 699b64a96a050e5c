"""`/v1/models`: what a tenant may name."""

from collections.abc import Iterable

from aiohttp import web

from pipeline.gateway.desk import Desk
from pipeline.gateway.family import as_openai
from pipeline.gateway.problems import Problem
from pipeline.gateway.responses import json_response

__all__ = ["Models"]


class Models:
    """The endpoints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterable[web.RouteDef]:
        """Paths and handlers."""
        return (web.get("/v1/models", self.list), web.get("/v1/models/{model}", self.retrieve))

    def problem(self, problem: Problem, request: web.Request) -> Problem:
        """Errors as OpenAI writes them."""
        return as_openai(problem, request)

    async def list(self, request: web.Request) -> web.Response:
        """`GET /v1/models`."""
        caller = await self._desk.caller(request, "models")
        return json_response(self._desk.catalogue.listing(caller.tenant, caller.routes))

    async def retrieve(self, request: web.Request) -> web.Response:
        """`GET /v1/models/{model}`."""
        caller = await self._desk.caller(request, "models")
        caller.check_model(request.match_info["model"])
        return json_response(self._desk.catalogue.entry(request.match_info["model"], caller.tenant))
