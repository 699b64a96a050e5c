"""What is committed is what the code renders, and the AsyncAPI document tells all and only the truth."""

from pathlib import Path
from typing import Any

import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from jsonschema import Draft202012Validator

from pipeline import topology
from pipeline.layout import STREAMS
from pipeline.schemas import MESSAGES, ROOT, asyncapi, outdated, render, schema_of

OF_THE_DOOR = Path("schemas/openapi.json")
"""Rendered by `pipeline.gateway.openapi`, and compared by the tests of the door."""


def _nodes(node: Any) -> list[dict[str, Any]]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return ([node] if isinstance(node, dict) else []) + [found for item in inner for found in _nodes(item)]


def test_the_committed_files_are_the_rendered_ones() -> None:
    """`make schemas` would change nothing."""
    assert outdated(render()) == []


def test_no_file_lies_around_that_nothing_renders() -> None:
    """A schema of a message that is gone would mislead."""
    committed = {path.relative_to(ROOT) for path in (ROOT / "schemas").glob("*.*")}
    assert committed == {path for path in render() if path.parent == Path("schemas")} | {OF_THE_DOOR}


def test_a_difference_is_found(tmp_path: Path) -> None:
    """A changed and a missing file are both named."""
    files = {Path("same"): b"1", Path("changed"): b"1", Path("missing"): b"1"}
    (tmp_path / "same").write_bytes(b"1")
    (tmp_path / "changed").write_bytes(b"2")
    assert outdated(files, tmp_path) == [Path("changed"), Path("missing")]


@pytest.mark.parametrize("message", MESSAGES)
def test_each_schema_is_one_and_knows_every_field(message: str) -> None:
    """Valid 2020-12, with a property for each field of the contract and no keyword of pydantic's own."""
    schema = schema_of(message)
    Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(MESSAGES[message].model_fields)
    assert not [node for node in _nodes(schema) if not {"ge", "le", "gt", "lt"}.isdisjoint(node) and "type" in node]


def test_the_document_is_asyncapi_3() -> None:
    """FastStream's models of the specification read it, and keep every channel, operation and message."""
    document = asyncapi()
    parsed = ApplicationSchema.model_validate(document)
    assert parsed.asyncapi == "3.0.0"
    assert set(parsed.channels) == set(document["channels"])
    assert set(parsed.operations) == set(document["operations"])
    assert parsed.components is not None
    assert set(parsed.components.messages or {}) == set(document["components"]["messages"])


def test_every_reference_inside_the_document_leads_somewhere() -> None:
    """Local references resolve in the document, the others in a rendered file beside it."""
    document = asyncapi()
    references = [node["$ref"] for node in _nodes(document) if "$ref" in node]
    assert references
    for reference in references:
        file, _, pointer = reference.partition("#")
        target: Any = schema_of(file[2:].removesuffix(".schema.json")) if file else document
        for part in pointer.strip("/").split("/") if pointer else ():
            target = target[part]
        assert isinstance(target, dict), reference


def test_every_stream_has_a_channel() -> None:
    """What is stored is described."""
    heads = {channel["address"].split(".")[0] for channel in asyncapi()["channels"].values() if channel["address"]}
    stored = {pattern.split(".")[0] for stream in STREAMS for pattern in stream.subjects}
    assert stored <= heads
    assert heads - stored == {"request", "cancel"}


def test_every_verb_has_a_channel_with_an_operation_that_replies() -> None:
    """Callers learn from the document where to ask and what comes back."""
    document = asyncapi()
    for verb in topology.VERBS:
        assert document["channels"][verb]["address"] == topology.request_subject(verb, "{tenant}")
        assert document["operations"][verb]["reply"]["messages"]


def test_every_place_in_an_address_is_described() -> None:
    """Parameters are exactly the placeholders; the closed ones list their values."""
    for channel in asyncapi()["channels"].values():
        address = channel["address"] or ""
        assert {part[1:-1] for part in address.split(".") if part.startswith("{")} == set(channel.get("parameters", {}))
    step = asyncapi()["channels"]["step"]["parameters"]
    assert step["stage"]["enum"] == list(topology.STAGES)
    assert step["lane"]["enum"] == list(topology.LANES)
