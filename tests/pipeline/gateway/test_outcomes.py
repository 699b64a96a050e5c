"""What is said later about an answer: kept once, for the caller's own tenant, and each event for itself."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fakes_door import FakeAsker, Names
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Json, OutcomeEvent
from pipeline.errors import StepwellError, TransportUnavailable
from pipeline.gateway import Limits, build_door
from pipeline.gateway.outcomes import MOST_EVENTS, events_of, read_event
from pipeline.gateway.server import listening

GOOD: dict[str, Json] = {"id": "e1", "request_id": "r1", "reward": 1}
VALUES: st.SearchStrategy[Json] = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([])


class Ear(FakeAsker):
    """Keeps events of one tenant, once for each id; one that is called `away` cannot be kept."""

    def __init__(self, heard: list[OutcomeEvent]) -> None:
        super().__init__()
        self.heard = heard

    async def outcome(self, event: OutcomeEvent) -> bool:
        if event.id == "away":
            raise TransportUnavailable("nobody answers")
        if any((known.tenant, known.id) == (event.tenant, event.id) for known in self.heard):
            return False
        self.heard.append(event)
        return True


@contextlib.asynccontextmanager
async def door(heard: list[OutcomeEvent]) -> AsyncIterator[aiohttp.ClientSession]:
    runner = await listening(build_door(lambda _: Ear(heard), Names()), "127.0.0.1", 0, Limits(), grace_s=0.5)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield session
    await runner.cleanup()


async def said(session: aiohttp.ClientSession, body: Json, **headers: str) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with session.post("/v1/outcomes", json=body, headers=named) as response:
        return response.status, await response.json()


async def test_an_event_is_kept_once_for_the_tenant_of_its_caller() -> None:
    heard: list[OutcomeEvent] = []
    async with door(heard) as session:
        told = {"object": "outcome", "id": "e1", "request_id": "r1"}
        assert await said(session, GOOD, x_stepwell_tenant="acme") == (200, {**told, "status": "recorded"})
        assert await said(session, GOOD, x_stepwell_tenant="acme") == (200, {**told, "status": "known"})
        # Whether another tenant has a request r1 is not told: the answer is that to any other id.
        assert await said(session, GOOD, x_stepwell_tenant="other") == (200, {**told, "status": "recorded"})
        never = {**told, "request_id": "never-asked", "status": "recorded"}
        assert await said(session, {**GOOD, "request_id": "never-asked"}, x_stepwell_tenant="third") == (200, never)
    assert [(event.tenant, event.request_id) for event in heard] == [
        ("acme", "r1"), ("other", "r1"), ("third", "never-asked"),
    ]  # fmt: skip


async def test_the_idempotency_key_names_an_event_that_has_no_id() -> None:
    heard: list[OutcomeEvent] = []
    async with door(heard) as session:
        body: Json = {"request_id": "r1", "reward": 0, "kind": "wrong"}
        _, first = await said(session, body, idempotency_key="k1")
        _, again = await said(session, body, idempotency_key="k1")
        assert (first["id"], first["status"], again["status"]) == ("k1", "recorded", "known")
        _, one = await said(session, body)
        _, two = await said(session, body)
        assert one["id"] != two["id"]
    assert len(heard) == 3


async def test_of_many_each_is_taken_or_refused_for_itself() -> None:
    heard: list[OutcomeEvent] = []
    async with door(heard) as session:
        events: list[Json] = [GOOD, {**GOOD, "id": "e2", "reward": 2}, "odd", {**GOOD, "id": "away"}, GOOD]
        status, told = await said(session, {"events": events})
        assert status == 200
        assert [each["status"] for each in told["data"]] == ["recorded", "failed", "failed", "failed", "known"]
        assert [each.get("error", {}).get("code") for each in told["data"][1:4]] == [
            "invalid_request", "invalid_request", "transport_unavailable",
        ]  # fmt: skip
        assert told["data"][1]["error"]["param"] == "events[1].reward"
    assert [event.id for event in heard] == ["e1"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"events": []}, "events"),
        ({"events": [GOOD] * (MOST_EVENTS + 1)}, "events"),
        ({"events": [GOOD], "id": "e1"}, "id"),
        ({**GOOD, "reward": None}, "reward"),
        ({**GOOD, "reward": True}, "reward"),
        ({**GOOD, "reward": 1.01}, "reward"),
        ({**GOOD, "request_id": "a.b"}, "request_id"),
        ({**GOOD, "kind": "*"}, "kind"),
        ({**GOOD, "at": -1}, "at"),
        ({**GOOD, "tenant": "other"}, "tenant"),
        ({**GOOD, "comment": "it was wrong"}, "comment"),
    ],
)
async def test_what_is_wrong_is_refused_by_name(body: Json, param: str) -> None:
    heard: list[OutcomeEvent] = []
    async with door(heard) as session:
        status, told = await said(session, body)
        assert (status, told["error"]["param"]) == (400, param)
    assert heard == []


@given(st.dictionaries(st.sampled_from(["id", "request_id", "reward", "kind", "at", "tenant", "x"]), VALUES))
def test_no_event_breaks_the_reader(fields: dict[str, Json]) -> None:
    try:
        event = read_event(fields, "acme", "new", "")
    except StepwellError as error:
        assert error.http_status == 400  # noqa: PT017
    else:
        assert OutcomeEvent.model_validate_json(event.model_dump_json()) == event
        assert event.tenant == "acme"


def test_a_body_without_a_list_is_an_event_itself() -> None:
    assert events_of({"id": "e1"}) is None
    assert events_of({"events": [1]}) == [1]
