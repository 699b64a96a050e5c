"""Museum 9: no switch of model after the first byte; a double failure before it is a clean status, after it an error.

LiteLLM #38610: a stream that broke off in the middle was continued by another model.
"""

from pathlib import Path

import pytest
from stairs_house import House, Plans, house

from pipeline.contracts import Chunk, Reply, Request

STREAM = Request(input="How deep is the well?", stream=True, cache="off")
EARLY = "    accept: {{confidence: {threshold}}}\n    escalation: {{open_early: {{after: 2, above: 0.6}}}}\n"
STAIRS = ("{variants: {first: 1}, fallbacks: [third]}", "{variants: {second: 1}}")
WITH_SPARE = ("{variants: {first: 1}, fallbacks: [second]}",)


async def streamed(home: House, request: Request = STREAM) -> tuple[str, Reply]:
    text, reply = "", None
    async for item in home.client.stream(request):
        if isinstance(item, Chunk):
            text += item.text
        else:
            reply = item
    assert reply is not None, "a stream ends with its reply, also where it failed"
    return text, reply


@pytest.mark.parametrize("breaks", ["truncated-drip", "midway-drip", "stall-drip"])
async def test_a_stream_that_broke_off_is_not_continued_by_another_model(tmp_path: Path, breaks: str) -> None:
    plans = Plans({"first": breaks, "second": "maxi"}, WITH_SPARE)
    async with house(tmp_path, plans) as home:
        text, reply = await streamed(home)
        assert text, "the caller has read a part of it"
        assert reply.status == "failed"
        assert reply.error is not None
        assert reply.error.code in ("target_unavailable", "target_timeout")
        assert reply.content is None
        assert "maxi" not in home.called(), "nobody else was asked"
        (record,) = await home.records()
        assert [attempt.variant for attempt in record.attempts] == ["first"]


async def test_nor_by_a_deeper_tier(tmp_path: Path) -> None:
    """The draft streams here, since the caller allows no escalation; it fails after the first byte."""
    plans = Plans({"first": "truncated-drip", "second": "maxi"}, ("{variants: {first: 1}}", "{variants: {second: 1}}"))
    request = STREAM.model_copy(update={"budget": STREAM.budget.model_copy(update={"max_escalations": 0})})
    async with house(tmp_path, plans) as home:
        text, reply = await streamed(home, request)
        assert text
        assert reply.status == "failed"
        assert "maxi" not in home.called()


async def test_what_fails_before_the_first_byte_is_answered_by_another_and_streams_from_there(tmp_path: Path) -> None:
    plans = Plans({"first": "error", "second": "maxi"}, WITH_SPARE)
    async with house(tmp_path, plans) as home:
        text, reply = await streamed(home)
        assert reply.status == "answered"
        assert text == reply.content
        assert reply.served is not None
        assert (reply.served.variant, reply.served.model) == ("second", "maxi"), "it says who really answered"
        assert not reply.escalated, "a fallback is no escalation"
        assert reply.attempts == 2


async def test_a_double_failure_before_the_first_byte_is_a_clean_status_and_no_text(tmp_path: Path) -> None:
    plans = Plans({"first": "error", "second": "429"}, WITH_SPARE)
    async with house(tmp_path, plans) as home:
        text, reply = await streamed(home)
        assert text == ""
        assert reply.status == "failed"
        assert reply.error is not None
        assert reply.error.code in ("target_unavailable", "target_overloaded")
        assert reply.attempts == 2


async def test_a_failure_after_the_first_byte_of_the_fallback_is_a_terminal_error(tmp_path: Path) -> None:
    plans = Plans(
        {"first": "error", "second": "truncated-drip", "third": "maxi"},
        ("{variants: {first: 1}, fallbacks: [second, third]}",),
    )
    async with house(tmp_path, plans) as home:
        text, reply = await streamed(home)
        assert text
        assert reply.status == "failed"
        assert "maxi" not in home.called()
        (record,) = await home.records()
        assert [attempt.variant for attempt in record.attempts] == ["first", "second"]


async def test_a_draft_that_was_passed_on_early_is_the_answer_also_where_it_turns_out_too_unsure(
    tmp_path: Path,
) -> None:
    """Its beginning was sure enough, the whole of it is not: it stays, it says so, and nobody else is asked."""
    plans = Plans({"first": "mini-drip", "second": "maxi", "third": "midi"}, STAIRS, EARLY.format(threshold=0.999))
    async with house(tmp_path, plans) as home:
        text, reply = await streamed(home)
        assert reply.status == "answered"
        assert reply.degraded == "below_threshold"
        assert text == reply.content
        (record,) = await home.records()
        assert [made.variant for made in record.attempts] == ["first"]
        assert record.confidence is not None
        assert record.confidence < 0.999, "its true confidence is told"


@pytest.mark.parametrize("breaks", ["truncated-drip", "midway-drip", "stall-drip"])
async def test_one_that_breaks_off_after_it_was_passed_on_early_ends_with_an_error(tmp_path: Path, breaks: str) -> None:
    plans = Plans({"first": breaks, "second": "maxi", "third": "midi"}, STAIRS, EARLY.format(threshold=0.5))
    async with house(tmp_path, plans) as home:
        text, reply = await streamed(home)
        assert text, "the caller has read a part of it"
        assert reply.status == "failed"
        assert not {"maxi", "midi"} & set(home.called())


async def test_one_that_breaks_off_before_it_was_passed_on_is_answered_by_another(tmp_path: Path) -> None:
    late = EARLY.format(threshold=0.5).replace("after: 2", "after: 500")
    plans = Plans({"first": "truncated-drip", "second": "maxi", "third": "midi"}, STAIRS, late)
    async with house(tmp_path, plans) as home:
        text, reply = await streamed(home)
        assert reply.status == "answered"
        assert text == reply.content
        assert "midi" in home.called(), "the fallback of its tier"


async def test_an_answer_that_is_to_be_escalated_for_a_label_is_read_by_nobody_before(tmp_path: Path) -> None:
    plan = EARLY.format(threshold=0.5).replace("confidence: 0.5", "confidence: 0.5, explore: 1")
    plans = Plans({"first": "mini-fast", "second": "maxi", "third": "midi"}, STAIRS, plan)
    async with house(tmp_path, plans) as home:
        text, reply = await streamed(home)
        assert reply.status == "answered"
        assert text == reply.content
        assert "maxi" in home.called()
