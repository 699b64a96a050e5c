"""The fields of `/v1/responses`, held against the types of the official client."""

from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from openai.types import responses as official
from openai.types.responses import input_token_count_params, response_create_params, response_input_item_param
from openai.types.shared_params import Reasoning

from pipeline.gateway.responses_api import fields as ours
from pipeline.gateway.translation import FieldTable


def names_of(kind: Any) -> set[str]:
    return set(get_type_hints(kind))


TABLES = [
    (ours.REQUEST, response_create_params.ResponseCreateParamsNonStreaming),
    (ours.COUNTED, input_token_count_params.InputTokenCountParams),
    (ours.MESSAGE, official.EasyInputMessageParam),
    (ours.MESSAGE, response_input_item_param.Message),
    (ours.MESSAGE, official.ResponseOutputMessageParam),
    (ours.CALL, official.ResponseFunctionToolCallParam),
    (ours.OUTPUT, response_input_item_param.FunctionCallOutput),
    (ours.PARTS["input_text"], official.ResponseInputTextParam),
    (ours.PARTS["output_text"], official.ResponseOutputTextParam),
    (ours.PARTS["refusal"], official.ResponseOutputRefusalParam),
    (ours.PARTS["input_image"], official.ResponseInputImageParam),
    (ours.TOOL, official.FunctionToolParam),
    (ours.TEXT, official.ResponseTextConfigParam),
    (ours.FORMAT, official.ResponseFormatTextJSONSchemaConfigParam),
    (ours.REASONING, Reasoning),
]


@pytest.mark.parametrize(("table", "kind"), TABLES, ids=[kind.__name__ for _, kind in TABLES])
def test_somebody_decided_about_every_field_that_the_official_client_knows(table: FieldTable, kind: type) -> None:
    assert names_of(kind) <= table.known


@pytest.mark.parametrize(("table", "kind"), TABLES, ids=[kind.__name__ for _, kind in TABLES])
def test_no_field_is_both_carried_and_not(table: FieldTable, kind: type) -> None:
    assert not table.carried & (table.dropped | table.echoed | table.neutral.keys() | table.refused)
    assert not table.refused & (table.dropped | table.echoed | table.neutral.keys())


def test_somebody_decided_about_every_item_part_and_inclusion_that_the_official_client_knows() -> None:
    kinds = {
        kind
        for item in get_args(official.ResponseInputItemParam)
        for kind in get_args(get_type_hints(item)["type"])
        if isinstance(kind, str)
    }
    assert kinds - {"message", "function_call", "function_call_output", "reasoning"} <= ours.REFUSED_ITEMS
    parts = {get_args(get_type_hints(part)["type"])[0] for part in get_args(official.ResponseInputContentParam)}
    assert parts <= ours.PARTS.keys() | ours.REFUSED_PARTS
    assert set(get_args(official.ResponseIncludable)) == ours.INCLUDES | {ours.LOGPROBS}


def test_the_documentation_says_of_every_field_what_becomes_of_it() -> None:
    chapter = (
        (Path(__file__).parents[4] / "docs/HTTP.md")
        .read_text()
        .split("\n## Responses\n")[1]
        .split("\n## Messages\n")[0]
    )
    table = "".join(line for line in chapter.splitlines() if line.startswith("|"))
    assert not {name for name in ours.REQUEST.known if f"`{name}`" not in table}
