"""A batch for `/v1/responses`, as the official client sees it."""

import json
from typing import Any

import openai
import pytest
from batch_door import batch_door, ended, jsonl
from openai.types.responses import Response

from pipeline.errors import InvalidRequest, UnsupportedParameter
from pipeline.gateway.lines import translate_any, translate_line

RESPONSES = "/v1/responses"


def line(number: int, text: str, **more: Any) -> dict[str, Any]:
    body = {"model": "auto", "input": text, **more}
    return {"custom_id": f"c{number}", "method": "POST", "url": RESPONSES, "body": body}


async def test_lines_for_responses_are_answered_with_responses() -> None:
    async with (
        batch_door() as house,
        openai.AsyncOpenAI(base_url=f"{house.base}/v1", api_key="none", max_retries=0) as client,
    ):
        file = await client.files.create(file=jsonl(line(1, "q1"), line(2, "q2")), purpose="batch")
        batch = await client.batches.create(input_file_id=file.id, endpoint=RESPONSES, completion_window="24h")
        done = await ended(client, batch.id)
        assert (done.status, done.errors) == ("completed", None)
        assert done.output_file_id is not None
        rows = [json.loads(row) for row in (await client.files.content(done.output_file_id)).text.splitlines()]
        answers = [Response.model_validate(row["response"]["body"]) for row in rows]
        assert [answer.output_text for answer in answers] == ["echo q1", "echo q2"]
        about = await client.files.retrieve(done.output_file_id)
        assert about.bytes == len((await client.files.content(about.id)).content)


def test_a_fault_of_a_line_is_told_in_its_own_words() -> None:
    with pytest.raises(InvalidRequest) as caught:
        translate_line(RESPONSES, {"model": "auto", "input": "q", "max_output_tokens": 0}, "acme")
    assert caught.value.param == "max_output_tokens"


@pytest.mark.parametrize("lost", [{"prompt_cache_retention": "24h"}, {"store": True}])
def test_a_line_that_would_lose_something_is_refused_for_it_has_no_header_to_say_so(lost: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        translate_line(RESPONSES, {"model": "auto", "input": "q", **lost}, "acme")
    assert caught.value.param in lost


def test_lines_for_several_endpoints_are_none_for_responses() -> None:
    """Whoever wrote the answers could not tell which of them are responses."""
    with pytest.raises(InvalidRequest, match="a batch of their own"):
        translate_any(RESPONSES, {"model": "auto", "input": "q"}, "acme")
    chat = {"model": "auto", "messages": [{"role": "user", "content": "q"}]}
    assert translate_any("/v1/chat/completions", chat, "acme").model_dump()["messages"]
