"""`/v1/outcomes`: what a user or a program says later about an answer. Idempotent by the id of the event.

An event is about a request of the caller's own tenant. Nobody is told whether a request is known: what an event says of
another tenant's request is kept like that of one that never was, and counts for nobody.
"""

import asyncio
import math
from collections.abc import Iterable
from typing import Any, Final

import orjson
from aiohttp import web

from pipeline.contracts import Json, JsonObject, OutcomeEvent, is_name
from pipeline.errors import InvalidRequest, StepwellError, UnsupportedParameter
from pipeline.gateway.asker import Hearer
from pipeline.gateway.desk import Desk
from pipeline.gateway.family import as_openai
from pipeline.gateway.openai import request_id_of
from pipeline.gateway.problems import Problem, problem_of_error
from pipeline.gateway.responses import echo, json_response

__all__ = ["MOST_EVENTS", "Outcomes", "events_of", "read_event"]

MOST_EVENTS: Final = 100
_AT_A_TIME: Final = 16
_FIELDS: Final = ("id", "request_id", "reward", "kind", "at", "tenant")


class Outcomes:
    """The endpoint."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterable[web.RouteDef]:
        """Paths and handlers."""
        return (web.post("/v1/outcomes", self.create),)

    def problem(self, problem: Problem, request: web.Request) -> Problem:
        """Errors as OpenAI writes them."""
        return as_openai(problem, request)

    async def create(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/outcomes`: one event, or a list of them under `events`."""
        desk = self._desk
        caller = await desk.caller(request, "outcomes")
        fields = await desk.object(request)
        hearer = desk.asker(caller.tenant, resumable=False)
        if not isinstance(hearer, Hearer):
            raise UnsupportedParameter("outcomes are not taken here: the client of this door tells nobody of them")
        given = events_of(fields)
        if given is None:
            key = request.headers.get("idempotency-key")
            event = read_event(fields, caller.tenant, request_id_of(key) if key else desk.new_id(), "")
            told = _told(event, new=await hearer.outcome(event))
        else:
            told = {"object": "list", "data": await self._each(hearer, given, caller.tenant)}
        response = json_response(orjson.dumps(told))
        response.headers.update(echo(request))
        return response

    async def _each(self, hearer: Hearer, given: list[Json], tenant: str) -> list[dict[str, Any]]:
        """What became of each event, in their order; one that is wrong keeps no other from being taken."""
        gate = asyncio.Semaphore(_AT_A_TIME)

        async def one(place: int, fields: Json) -> dict[str, Any]:
            async with gate:
                try:
                    event = read_event(fields, tenant, self._desk.new_id(), f"events[{place}].")
                    return _told(event, new=await hearer.outcome(event))
                except StepwellError as error:
                    return _untold(fields, error)

        return list(await asyncio.gather(*(one(place, fields) for place, fields in enumerate(given))))


def events_of(fields: JsonObject) -> list[Json] | None:
    """The events of a list; None: the body is one event itself.

    Raises:
        InvalidRequest: there are none, too many, or something beside the list.
    """
    if "events" not in fields:
        return None
    events = fields["events"]
    if not isinstance(events, list) or not 0 < len(events) <= MOST_EVENTS:
        raise InvalidRequest(f"events must be a list of 1 to {MOST_EVENTS} events", param="events")
    if len(fields) > 1:
        beside = next(name for name in fields if name != "events")
        raise InvalidRequest(f"{beside} stands beside events: put it into each of them", param=beside)
    return events


def read_event(fields: Json, tenant: str, new_id: str, place: str) -> OutcomeEvent:
    """Read an event of a caller of this tenant; `new_id` is for one that brings none, `place` where it stands.

    Raises:
        InvalidRequest: it breaks its contract; names the field.
    """
    if not isinstance(fields, dict):
        raise InvalidRequest("an event must be an object", param=place.rstrip(".") or None)
    for name in fields:
        if name not in _FIELDS:
            known = ", ".join(_FIELDS[:-1])
            raise UnsupportedParameter(f"{place}{name} is not supported: known are {known}", param=f"{place}{name}")
    if fields.get("tenant") not in (None, tenant):
        raise InvalidRequest(f"{place}tenant: an event is about the caller's own tenant", param=f"{place}tenant")
    number = fields.get("id")
    return OutcomeEvent(
        id=new_id if number is None else _name(number, f"{place}id"),
        request_id=_name(fields.get("request_id"), f"{place}request_id"),
        tenant=tenant,
        reward=_share(fields.get("reward"), f"{place}reward"),
        kind="thumbs" if fields.get("kind") is None else _name(fields["kind"], f"{place}kind"),
        at=None if fields.get("at") is None else _time(fields["at"], f"{place}at"),
    )


def _name(given: Json, param: str) -> str:
    if not isinstance(given, str) or not is_name(given):
        raise InvalidRequest(f"{param} must be 1 to 64 letters, digits, - or _", param=param)
    return given


def _share(given: Json, param: str) -> float:
    number = _number(given)
    if number is None or not 0.0 <= number <= 1.0:
        raise InvalidRequest(f"{param} must be a number from 0 (bad) to 1 (good)", param=param)
    return number


def _time(given: Json, param: str) -> float:
    number = _number(given)
    if number is None or number < 0.0:
        raise InvalidRequest(f"{param} must be a time in Unix seconds", param=param)
    return number


def _number(given: Json) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    try:
        number = float(given)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _told(event: OutcomeEvent, *, new: bool) -> dict[str, Any]:
    status = "recorded" if new else "known"
    return {"object": "outcome", "id": event.id, "request_id": event.request_id, "status": status}


def _untold(fields: Json, error: StepwellError) -> dict[str, Any]:
    """An event that was not taken: its own id, where it brought one, and the error as it would have come alone."""
    number = fields.get("id") if isinstance(fields, dict) else None
    problem = orjson.loads(problem_of_error(error).body)
    return {"object": "outcome", "id": number if isinstance(number, str) else None, "status": "failed", **problem}
