"""The OpenAPI document: it says what the door serves, and the door does what it says."""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from batch_door import batch_door
from door_in_thread import in_thread
from fakes_door import FakeAsker, Names
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator
from schemathesis import checks

from pipeline.gateway import build_door
from pipeline.gateway.openapi import document, render

ROOT = Path(__file__).parents[3]
DOCUMENT = document()
CASES = int(os.environ.get("STEPWELL_FUZZ", "8"))
"""Cases for each endpoint; `make fuzz-http` asks for more."""
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
HELD = [
    checks.CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "unsupported_method",
    )
]


def served() -> set[tuple[str, str]]:
    """What the door has routes for."""
    app = build_door(lambda _: FakeAsker(), Names())
    return {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method not in ("HEAD", "OPTIONS")
    }


def test_every_route_of_the_door_is_described_and_no_other() -> None:
    described = {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == served()


def test_the_rendered_file_is_that_of_the_code() -> None:
    assert (ROOT / "schemas" / "openapi.json").read_text() == render()


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [one["operationId"] for methods in DOCUMENT["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names))


@contextlib.asynccontextmanager
async def door() -> AsyncIterator[str]:
    """The true door over small stages, with the true engine of batches."""
    async with batch_door() as house:
        yield house.base


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with in_thread(door) as address:
        yield address


@SCHEMA.parametrize()
@settings(
    max_examples=CASES, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@pytest.mark.timeout(0)
def test_no_case_breaks_the_door_or_its_description(case: Any, base: str) -> None:
    """Whatever is sent: no 5xx that the description does not know, and every answer in its schema."""
    case.call_and_validate(base_url=base, checks=HELD, timeout=30)
