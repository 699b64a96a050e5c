"""The fields of `/v1/messages`, held against the types of the official client."""

from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from anthropic import types as official
from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_create_params as beta

from pipeline.gateway.messages_api import fields as ours
from pipeline.gateway.translation import FieldTable

TABLES = [
    (ours.REQUEST, message_create_params.MessageCreateParamsNonStreaming),
    (ours.REQUEST, message_count_tokens_params.MessageCountTokensParams),
    (ours.MESSAGE, official.UserMessageParam),
    (ours.MESSAGE, official.AssistantMessageParam),
    (ours.MESSAGE, official.SystemMessageParam),
    (ours.METADATA, official.MetadataParam),
    (ours.OUTPUT, official.OutputConfigParam),
    (ours.FORMAT, official.JSONOutputFormatParam),
    (ours.TOOL, official.ToolParam),
    (ours.CHOICE, official.ToolChoiceAutoParam),
    (ours.CHOICE, official.ToolChoiceToolParam),
    (ours.BLOCKS["text"], official.TextBlockParam),
    (ours.BLOCKS["text"], official.TextBlock),
    (ours.BLOCKS["image"], official.ImageBlockParam),
    (ours.BLOCKS["tool_use"], official.ToolUseBlockParam),
    (ours.BLOCKS["tool_use"], official.ToolUseBlock),
    (ours.BLOCKS["tool_result"], official.ToolResultBlockParam),
    (ours.SOURCES["base64"], official.Base64ImageSourceParam),
    (ours.SOURCES["url"], official.URLImageSourceParam),
]


def names_of(kind: Any) -> set[str]:
    return set(kind.model_fields if hasattr(kind, "model_fields") else get_type_hints(kind))


@pytest.mark.parametrize(("table", "kind"), TABLES, ids=[kind.__name__ for _, kind in TABLES])
def test_somebody_decided_about_every_field_that_the_official_client_knows(table: FieldTable, kind: type) -> None:
    assert names_of(kind) <= table.known


@pytest.mark.parametrize(("table", "kind"), TABLES, ids=[kind.__name__ for _, kind in TABLES])
def test_no_field_is_both_carried_and_not(table: FieldTable, kind: type) -> None:
    assert not table.carried & (table.dropped | table.echoed | table.neutral.keys() | table.refused)
    assert not table.refused & (table.dropped | table.echoed | table.neutral.keys())


def test_somebody_decided_about_every_field_of_the_beta_that_stands_in_the_body() -> None:
    assert names_of(beta.MessageCreateParamsNonStreaming) - {"betas"} <= ours.REQUEST.known


def test_somebody_decided_about_every_block_that_the_official_client_knows() -> None:
    blocks = {get_args(get_type_hints(block)["type"])[0] for block in get_args(official.ContentBlockParam)}
    assert blocks - {"thinking", "redacted_thinking"} <= ours.BLOCKS.keys() | ours.REFUSED_BLOCKS
    media = get_args(get_type_hints(official.Base64ImageSourceParam)["media_type"])
    assert set(media) == ours.IMAGE_TYPES


def test_the_documentation_says_of_every_field_what_becomes_of_it() -> None:
    chapter = (Path(__file__).parents[4] / "docs/HTTP.md").read_text().split("\n## Messages\n")[1]
    table = "".join(line for line in chapter.splitlines() if line.startswith("|"))
    assert not {name for name in ours.REQUEST.known if f"`{name}`" not in table}
