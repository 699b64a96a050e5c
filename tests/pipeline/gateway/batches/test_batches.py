"""Files and batches as the official client sees them, over the true engine."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from batch_door import House, batch_door, ended, jsonl

from pipeline.gateway.batches.question import read

QUESTION: dict[str, Any] = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}


def line(number: int, text: str, **more: Any) -> dict[str, Any]:
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], **more}
    return {"custom_id": f"c{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with batch_door() as made:
        yield made


@pytest.fixture
async def client(house: House) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{house.base}/v1", api_key="none", max_retries=0) as official:
        yield official


async def test_a_file_of_lines_becomes_a_file_of_answers(client: openai.AsyncOpenAI) -> None:
    sent = jsonl(*(line(number, f"q{number}") for number in range(3)))
    file = await client.files.create(file=("in.jsonl", sent), purpose="batch")
    assert (file.filename, file.bytes, file.purpose, file.status) == ("in.jsonl", len(sent), "batch", "processed")
    batch = await client.batches.create(input_file_id=file.id, metadata={"night": "1"}, **QUESTION)
    assert (batch.object, batch.endpoint, batch.metadata) == ("batch", "/v1/chat/completions", {"night": "1"})
    done = await ended(client, batch.id)
    assert (done.status, done.error_file_id) == ("completed", None)
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (3, 3, 0)
    assert done.output_file_id is not None
    rows = [json.loads(row) for row in (await client.files.content(done.output_file_id)).text.splitlines()]
    assert [row["custom_id"] for row in rows] == ["c0", "c1", "c2"]
    assert [row["response"]["body"]["choices"][0]["message"]["content"] for row in rows] == [
        "echo q0",
        "echo q1",
        "echo q2",
    ]
    about = await client.files.retrieve(done.output_file_id)
    assert (about.purpose, about.bytes) == ("batch_output", len((await client.files.content(about.id)).content))


async def test_a_line_that_cannot_run_fails_the_batch_with_its_place_before_anything_runs(
    client: openai.AsyncOpenAI, house: House
) -> None:
    file = await client.files.create(file=jsonl(line(1, "good"), line(2, "bad", temperature=9)), purpose="batch")
    done = await ended(client, (await client.batches.create(input_file_id=file.id, **QUESTION)).id)
    assert done.status == "failed"
    assert done.errors is not None
    assert done.errors.data is not None
    assert [(error.line, error.code, error.param) for error in done.errors.data] == [
        (2, "invalid_request", "temperature")
    ]
    assert house.asked == []


async def test_with_skip_invalid_the_others_run_and_the_bad_line_stands_in_the_error_file(
    client: openai.AsyncOpenAI,
) -> None:
    file = await client.files.create(file=jsonl(line(1, "good"), line(2, "bad", temperature=9)), purpose="batch")
    extra = {"stepwell": {"skip_invalid": True}}
    done = await ended(client, (await client.batches.create(input_file_id=file.id, extra_body=extra, **QUESTION)).id)
    assert done.status == "completed"
    assert done.error_file_id is not None
    (row,) = [json.loads(row) for row in (await client.files.content(done.error_file_id)).text.splitlines()]
    assert (row["custom_id"], row["error"]["code"]) == ("c2", "invalid_request")


async def test_a_repetition_under_its_key_is_the_same_file_and_the_same_batch(
    client: openai.AsyncOpenAI, house: House
) -> None:
    key = {"Idempotency-Key": "night 7"}
    files = [await client.files.create(file=jsonl(line(1, "q")), purpose="batch", extra_headers=key) for _ in range(2)]
    assert files[0].id == files[1].id
    made = [await client.batches.create(input_file_id=files[0].id, extra_headers=key, **QUESTION) for _ in range(2)]
    assert made[0].id == made[1].id
    await ended(client, made[0].id)
    assert len(house.asked) == 1


async def test_another_tenant_sees_neither_file_nor_batch_nor_answers(client: openai.AsyncOpenAI) -> None:
    file = await client.files.create(file=jsonl(line(1, "q")), purpose="batch")
    batch = await ended(client, (await client.batches.create(input_file_id=file.id, **QUESTION)).id)
    other = client.with_options(default_headers={"x-stepwell-tenant": "other"})
    assert batch.output_file_id is not None
    for attempt in (
        other.files.retrieve(file.id),
        other.files.content(file.id),
        other.files.delete(file.id),
        other.files.content(batch.output_file_id),
        other.files.retrieve(batch.output_file_id),
        other.batches.retrieve(batch.id),
        other.batches.cancel(batch.id),
        other.batches.create(input_file_id=file.id, **QUESTION),
    ):
        with pytest.raises(openai.NotFoundError):
            await attempt
    assert (await other.files.list()).data == []
    assert (await other.batches.list()).data == []


async def test_lists_come_in_pages_the_newest_first(client: openai.AsyncOpenAI) -> None:
    ids = [(await client.files.create(file=jsonl(line(n, f"q{n}")), purpose="batch")).id for n in range(3)]
    seen = [file.id async for file in client.files.list(limit=2)]
    assert sorted(seen) == sorted(ids)
    first = await client.files.list(limit=2)
    assert (len(first.data), first.has_more) == (2, True)


async def test_a_file_that_is_deleted_is_gone(client: openai.AsyncOpenAI) -> None:
    file = await client.files.create(file=jsonl(line(1, "q")), purpose="batch")
    assert (await client.files.delete(file.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.files.content(file.id)


async def test_what_was_sent_comes_back_byte_for_byte(client: openai.AsyncOpenAI) -> None:
    sent = jsonl(*(line(number, "x" * 3000) for number in range(900)))
    file = await client.files.create(file=sent, purpose="batch")
    assert (await client.files.content(file.id)).content == sent


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"endpoint": "/v1/nothing"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 3600}}, "output_expires_after"),
        ({"extra_body": {"stepwell": {"hours": {"start": "25:00", "end": "1"}}}}, "stepwell.hours"),
        ({"extra_body": {"stepwell": {"not_before": "tomorrow"}}}, "stepwell.not_before"),
        ({"extra_body": {"stepwell": {"not_before": "2026-12-01T22:00:00"}}}, "stepwell.not_before"),
        ({"extra_body": {"stepwell": {"not_before": "0001-01-02T00:00:00Z"}}}, "stepwell.not_before"),
        ({"extra_body": {"stepwell": {"speed": 1}}}, "stepwell.speed"),
    ],
)
async def test_a_wrong_question_is_refused_by_the_name_of_its_field(
    client: openai.AsyncOpenAI, wrong: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.batches.create(input_file_id="file-1", **{**QUESTION, **wrong})
    assert caught.value.param == param


async def test_a_file_that_is_not_there_is_told_at_the_field_that_names_it(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await client.batches.create(input_file_id="file-1", **QUESTION)
    assert caught.value.param == "input_file_id"
    assert "there is no file file-1: send it to /v1/files first" in caught.value.message


async def test_a_cancelled_batch_begins_nothing_more(client: openai.AsyncOpenAI, house: House) -> None:
    file = await client.files.create(file=jsonl(line(1, "q")), purpose="batch")
    late = {"stepwell": {"not_before": "2126-01-01T00:00:00+00:00"}}
    batch = await client.batches.create(input_file_id=file.id, extra_body=late, **QUESTION)
    assert (await client.batches.cancel(batch.id)).status in ("cancelling", "cancelled")
    assert (await ended(client, batch.id)).status == "cancelled"
    assert house.asked == []


def test_a_key_for_some_routes_holds_every_line_to_them() -> None:
    """The engine knows nothing of keys: what a caller may ask goes along with the batch."""
    asked = {"input_file_id": "file-1", **QUESTION}
    assert read(dict(asked), "k-1", {"labels", "chat"}).options.routes == ("chat", "labels")
    assert read(dict(asked), "k-1").options.routes is None
