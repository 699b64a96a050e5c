"""Museum 9 over HTTP: no switch of model after the first byte; what fails before it is a clean status.

LiteLLM #38610: a stream that broke off in the middle was continued by another model.
"""

from pathlib import Path

import openai
import pytest
from door_house import front
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from stairs_house import Plans

ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How deep is the well?"}]
WITH_SPARE = ("{variants: {first: 1}, fallbacks: [second]}",)


async def read_into(read: list[ChatCompletionChunk], official: openai.AsyncOpenAI) -> None:
    """Keep the pieces of a stream."""
    async for chunk in await official.chat.completions.create(model="auto", messages=ASK, stream=True):
        read.append(chunk)


@pytest.mark.parametrize("breaks", ["truncated-drip", "midway-drip"])
async def test_a_stream_that_breaks_off_ends_with_an_error_and_nobody_else(tmp_path: Path, breaks: str) -> None:
    async with front(tmp_path, Plans({"first": breaks, "second": "maxi"}, WITH_SPARE)) as house:
        read: list[ChatCompletionChunk] = []
        with pytest.raises(openai.APIError) as broke:
            await read_into(read, house.official)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in read)
        assert not any(chunk.choices[0].finish_reason for chunk in read)
        assert broke.value.code in ("target_unavailable", "target_timeout")
        assert "maxi" not in house.home.called()


async def test_its_last_bytes_are_the_error_and_no_end(tmp_path: Path) -> None:
    plans = Plans({"first": "midway-drip"}, ("{variants: {first: 1}}",))
    async with front(tmp_path, plans) as house:
        ask = house.official.chat.completions.with_streaming_response
        async with ask.create(model="auto", messages=ASK, stream=True) as response:
            body = await response.read()
    assert response.headers["content-type"] == "text/event-stream"
    assert b"[DONE]" not in body
    assert body.rstrip().split(b"\n\n")[-1].startswith(b'data: {"error":')


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("models", "kind"),
    [
        ({"first": "error", "second": "error"}, openai.InternalServerError),
        ({"first": "error", "second": "429"}, openai.RateLimitError),
    ],
)
async def test_a_double_failure_before_the_first_byte_is_a_clean_status(
    tmp_path: Path, models: dict[str, str], kind: type[openai.APIStatusError], stream: bool
) -> None:
    async with front(tmp_path, Plans(models, WITH_SPARE)) as house:
        with pytest.raises(kind) as failed:
            await house.official.chat.completions.create(model="auto", messages=ASK, stream=stream)
        assert failed.value.response.headers["x-stepwell-attempts"] == "2"
        assert failed.value.response.headers["content-type"].startswith("application/json")


async def test_what_fails_before_the_first_byte_is_answered_by_the_next_one(tmp_path: Path) -> None:
    async with front(tmp_path, Plans({"first": "error", "second": "maxi"}, WITH_SPARE)) as house:
        async with house.official.chat.completions.stream(model="auto", messages=ASK) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].finish_reason == "stop"
        assert house.home.called() == {"maxi": 1}
