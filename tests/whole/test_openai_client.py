"""The official `openai` package through the door and a whole cascade, with models that are scripted and real HTTP."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from door_house import door_on, front
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel
from servers import NatsServer, until
from stairs_house import Plans
from valkey_server import ValkeyServer, valkey_server
from whole import whole

from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy

ALONE = ("{variants: {first: 1}}",)
TWO = ("{variants: {first: 1}}", "{variants: {second: 1}}")
ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How deep is the well?"}]
MEASURE: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "measure", "parameters": {"type": "object", "properties": {"depth": {"type": "integer"}}}},
}
FRESH = {"cache-control": "no-store"}


def able(folder: Path) -> None:
    """Targets that know tools and images, and pass a field of their own."""
    models = folder / "models.yaml"
    text = models.read_text().replace("[chat, logprobs,", "[chat, tools, vision, logprobs,")
    models.write_text(text.replace("    slots: 16\n", "    slots: 16\n    passes: [reasoning_effort, top_k]\n"))


class Depth(BaseModel):
    depth: int
    unit: str


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


async def test_tools_go_there_and_back_streamed_and_not(tmp_path: Path) -> None:
    async with front(tmp_path, Plans({"first": "maxi"}, ALONE), change=able) as house:
        ask = house.official.chat.completions
        plain = await ask.create(model="auto", messages=ASK, tools=[MEASURE], tool_choice="required")
        message = plain.choices[0].message
        assert plain.choices[0].finish_reason == "tool_calls"
        assert message.tool_calls is not None
        call = message.tool_calls[0]
        assert call.type == "function"
        assert isinstance(json.loads(call.function.arguments)["depth"], int)
        result: ChatCompletionMessageParam = {"role": "tool", "tool_call_id": call.id, "content": "9 m"}
        answer = await ask.create(model="auto", messages=[*ASK, message, result], tools=[MEASURE])  # type: ignore[list-item]
        assert answer.choices[0].message.content
        async with ask.stream(
            model="auto", messages=ASK, tools=[MEASURE], tool_choice="required", extra_headers=FRESH
        ) as stream:
            streamed = await stream.get_final_completion()
        calls = streamed.choices[0].message.tool_calls
        assert calls is not None
        assert calls[0].function.model_dump(exclude={"parsed_arguments"}) == call.function.model_dump()
        assert streamed.choices[0].finish_reason == "tool_calls"


async def test_a_model_of_pydantic_comes_back_filled_streamed_and_not(tmp_path: Path) -> None:
    async with front(tmp_path, Plans({"first": "mini-wrong-json", "second": "maxi"}, TWO)) as house:
        ask = house.official.chat.completions
        parsed = await ask.parse(model="auto", messages=ASK, response_format=Depth)
        assert isinstance(parsed.choices[0].message.parsed, Depth)
        async with ask.stream(model="auto", messages=ASK, response_format=Depth, extra_headers=FRESH) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.parsed == parsed.choices[0].message.parsed
        assert "maxi" in house.home.called(), "the first one broke the schema"


async def test_log_probabilities_are_those_of_the_answer_streamed_and_not(tmp_path: Path) -> None:
    async with front(tmp_path, Plans({"first": "maxi"}, ALONE)) as house:
        ask = house.official.chat.completions
        plain = await ask.create(model="auto", messages=ASK, logprobs=True, top_logprobs=2)
        scores = plain.choices[0].logprobs
        assert scores is not None
        assert scores.content is not None
        assert "".join(each.token for each in scores.content) == plain.choices[0].message.content
        assert all(each.logprob < 0 and len(each.top_logprobs) == 2 for each in scores.content)
        async with ask.stream(model="auto", messages=ASK, logprobs=True, top_logprobs=2, extra_headers=FRESH) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].logprobs is not None
        assert final.choices[0].logprobs.content == scores.content


async def test_an_answer_from_memory_says_that_it_lacks_them(tmp_path: Path, valkey: ValkeyServer) -> None:
    remembers = "    cache: {enabled: true, ttl: 60}\n"
    async with front(tmp_path, Plans({"first": "maxi"}, ALONE, remembers), valkey.url) as house:
        ask = house.official.chat.completions.with_raw_response
        await ask.create(model="auto", messages=ASK)
        again = await ask.create(model="auto", messages=ASK, logprobs=True)
        assert again.headers["x-stepwell-cache"] == "hit"
        assert again.headers["x-stepwell-lossy"] == "logprobs"
        assert again.parse().choices[0].logprobs is None


async def test_who_gives_none_is_not_asked_for_them(tmp_path: Path) -> None:
    def mute(folder: Path) -> None:
        models = folder / "models.yaml"
        models.write_text(models.read_text().replace("[chat, logprobs,", "[chat,"))

    async with front(tmp_path, Plans({"first": "maxi"}, ALONE), change=mute) as house:
        with pytest.raises(openai.BadRequestError) as refused:
            await house.official.chat.completions.create(model="auto", messages=ASK, logprobs=True)
        assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "logprobs")


async def test_several_choices_differ_and_cost_their_sum(tmp_path: Path) -> None:
    async with front(tmp_path, Plans({"first": "maxi-seeded"}, ALONE)) as house:
        ask = house.official.chat.completions
        one = await ask.with_raw_response.create(model="auto", messages=ASK, seed=5)
        three = await ask.with_raw_response.create(model="auto", messages=ASK, seed=5, n=3)
        completion, single = three.parse(), one.parse()
        assert [choice.index for choice in completion.choices] == [0, 1, 2]
        assert completion.usage is not None
        assert single.usage is not None
        assert completion.usage.prompt_tokens == 3 * single.usage.prompt_tokens
        assert three.headers["x-stepwell-attempts"] == "3"
        records = await house.home.records()
        base = completion.id.removeprefix("chatcmpl-")
        assert {record.request_id for record in records} > {base, f"{base}-c1", f"{base}-c2"}
        paid = sum(record.cost_usd or 0 for record in records if record.request_id.startswith(base))
        assert float(three.headers["x-stepwell-cost"]) == pytest.approx(paid)
        seeds = [body["seed"] for body in house.bodies[1:]]
        assert sorted(seeds) == [5, 6, 7]


async def test_several_choices_stream_side_by_side(tmp_path: Path) -> None:
    async with front(tmp_path, Plans({"first": "maxi-drip"}, ALONE)) as house:
        stream = await house.official.chat.completions.create(
            model="auto", messages=ASK, n=2, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        order = [choice.index for chunk in chunks for choice in chunk.choices if choice.delta.content]
        assert order != sorted(order), "their pieces come as they are generated"
        texts = [
            "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices if c.index == index)
            for index in (0, 1)
        ]
        assert all(texts)
        ends = [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason]
        assert ends == ["stop", "stop"]
        assert [bool(chunk.usage) for chunk in chunks].count(True) == 1
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens >= 2 * 8


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_one_choice_that_no_budget_pays_ends_them_all(tmp_path: Path, valkey: ValkeyServer, stream: bool) -> None:
    budgets = "budgets:\n  - {name: day, by: [tenant], per: day, limit: {requests: 2}}\n"
    async with front(tmp_path, Plans({"first": "maxi-slow"}, ALONE, budgets=budgets), valkey.url) as house:
        with pytest.raises(openai.RateLimitError) as refused:
            await house.official.chat.completions.create(model="auto", messages=ASK, n=3, stream=stream)
        assert refused.value.code == "budget_refused"
        await until(lambda: house.home.models.ledger.stats()["running"] == 0)


async def test_a_field_of_the_models_own_reaches_those_that_pass_it_and_others_are_refused(tmp_path: Path) -> None:
    async with front(tmp_path, Plans({"first": "maxi"}, ALONE), change=able) as house:
        ask = house.official.chat.completions
        await ask.create(model="auto", messages=ASK, reasoning_effort="low", extra_body={"top_k": 4})
        body = house.bodies[-1]
        assert (body["reasoning_effort"], body["top_k"]) == ("low", 4)
        with pytest.raises(openai.BadRequestError) as refused:
            await ask.create(model="auto", messages=ASK, verbosity="low")
        assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "verbosity")


async def test_where_only_another_route_passes_a_field_the_plan_says_so(tmp_path: Path) -> None:
    def second_alone(folder: Path) -> None:
        models = folder / "models.yaml"
        head, tail = models.read_text().split("  second:", 1)
        tail = tail.replace("    slots: 16\n", "    slots: 16\n    passes: [reasoning_effort]\n", 1)
        models.write_text(f"{head}  second:{tail}")

    plans = Plans({"first": "mini", "second": "maxi"}, TWO)
    async with front(tmp_path, plans, change=second_alone) as house:
        ask = house.official.chat.completions.with_raw_response
        served = await ask.create(model="auto", messages=ASK, reasoning_effort="low")
        assert served.headers["x-stepwell-variant"] == "second", "the first one does not pass it"
        with pytest.raises(openai.BadRequestError) as refused:
            await ask.create(model="first", messages=ASK, reasoning_effort="low")
        assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "reasoning_effort")


async def test_an_image_reaches_the_model_with_its_detail(tmp_path: Path) -> None:
    image: ChatCompletionMessageParam = {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        ],
    }
    async with front(tmp_path, Plans({"first": "maxi"}, ALONE), change=able) as house:
        answer = await house.official.chat.completions.create(model="auto", messages=[image])
        assert answer.choices[0].message.content
        assert house.bodies[-1]["messages"][-1]["content"] == image["content"]  # type: ignore[typeddict-item]


async def test_older_functions_and_developers_are_understood(tmp_path: Path) -> None:
    async with front(tmp_path, Plans({"first": "maxi"}, ALONE), change=able) as house:
        answer = await house.official.chat.completions.create(
            model="auto",
            messages=[{"role": "developer", "content": "Be brief."}, *ASK],
            functions=[MEASURE["function"]],  # type: ignore[list-item]
            function_call={"name": "measure"},
        )
        assert answer.choices[0].finish_reason == "function_call"
        assert answer.choices[0].message.function_call is not None
        assert answer.choices[0].message.function_call.name == "measure"
        body = house.bodies[-1]
        assert body["messages"][0]["role"] == "system"
        assert body["parallel_tool_calls"] is False


async def test_a_client_that_goes_away_stops_its_model_and_pays_for_what_ran(tmp_path: Path) -> None:
    async with front(tmp_path, Plans({"first": "maxi-drip"}, ALONE)) as house:
        stream = await house.official.chat.completions.create(model="auto", messages=ASK, stream=True)
        await anext(stream)
        await stream.close()
        await until(lambda: house.home.models.ledger.stats()["running"] == 0)
        async with asyncio.timeout(5):
            while not (records := await house.home.records()):
                await asyncio.sleep(0.01)
        assert records[0].cost_usd is not None
        assert records[0].cost_usd > 0
        assert records[0].attempts[0].error_code == "cancelled"


def sync_stream(url: str) -> str:
    """One piece of a stream by the synchronous client, which then leaves."""
    with (
        openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client,
        client.chat.completions.create(model="auto", messages=ASK, stream=True) as stream,
    ):
        return next(iter(stream)).choices[0].delta.content or ""


async def test_the_synchronous_client_does_the_same(tmp_path: Path) -> None:
    async with front(tmp_path, Plans({"first": "maxi-drip"}, ALONE)) as house:
        assert await asyncio.to_thread(sync_stream, house.url)
        async with asyncio.timeout(5):
            while not (records := await house.home.records()):
                await asyncio.sleep(0.01)
        assert records[0].attempts[0].error_code == "cancelled"


async def test_the_real_road_answers_the_official_client(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url) as house:
        policies = FixedPolicy(load_folder(house.policies, house.environment))
        async with (
            door_on(house.link, policies) as url,
            openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as official,
        ):
            ask = official.chat.completions
            answer = await ask.create(model="auto", messages=ASK)
            async with ask.stream(model="large", messages=ASK) as stream:
                final = await stream.get_final_completion()
            parsed = await ask.parse(model="auto", messages=ASK, response_format=Depth)
            both = await ask.create(model="large", messages=ASK, n=2, logprobs=True)
    assert answer.choices[0].message.content
    assert final.choices[0].finish_reason == "stop"
    assert isinstance(parsed.choices[0].message.parsed, Depth)
    assert [bool(choice.logprobs) for choice in both.choices] == [True, True]
