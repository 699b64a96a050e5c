"""LangChain's `ChatOpenAI` through the door and a whole cascade."""

from pathlib import Path

import pytest
from door_house import Front, front
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr
from stairs_house import Plans

PLANS = Plans({"first": "maxi"}, ("{variants: {first: 1}}",))


def able(folder: Path) -> None:
    models = folder / "models.yaml"
    models.write_text(models.read_text().replace("[chat, logprobs,", "[chat, tools, logprobs,"))


def model(house: Front, **more: object) -> ChatOpenAI:
    return ChatOpenAI(model="auto", base_url=house.url, api_key=SecretStr("none"), max_retries=0, **more)


class Depth(BaseModel):
    """How deep it is."""

    depth: int
    unit: str


@tool
def measure(depth: int) -> str:
    """Measure the well."""
    return f"{depth} m"


async def test_it_asks_and_streams(tmp_path: Path) -> None:
    async with front(tmp_path, PLANS) as house:
        answer = await model(house).ainvoke("How deep is the well?")
        pieces = [piece async for piece in model(house, stream_usage=True).astream("How deep is the well?")]
        assert isinstance(answer, AIMessage)
        assert "".join(str(piece.content) for piece in pieces) == answer.content
        assert answer.usage_metadata is not None
        assert pieces[-1].usage_metadata or any(piece.usage_metadata for piece in pieces)
        assert answer.response_metadata["finish_reason"] == "stop"


async def test_its_tools_go_there_and_back(tmp_path: Path) -> None:
    async with front(tmp_path, PLANS, change=able) as house:
        bound = model(house).bind_tools([measure], tool_choice="measure", parallel_tool_calls=False)
        called = await bound.ainvoke("How deep is the well?")
        assert isinstance(called, AIMessage)
        (call,) = called.tool_calls
        assert call["name"] == "measure"
        result = ToolMessage(content=measure.invoke(call["args"]), tool_call_id=call["id"] or "")
        free = model(house).bind_tools([measure])
        answer = await free.ainvoke([HumanMessage("How deep is the well?"), called, result])
        assert answer.content
        streamed = None
        async for piece in bound.astream("How deep is the well?"):
            streamed = piece if streamed is None else streamed + piece
        assert streamed is not None
        assert streamed.tool_calls[0]["args"] == call["args"]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_it_fills_a_model_of_pydantic(tmp_path: Path, method: str) -> None:
    async with front(tmp_path, PLANS, change=able) as house:
        structured = model(house).with_structured_output(Depth, method=method)  # type: ignore[arg-type]
        assert isinstance(await structured.ainvoke("How deep is the well?"), Depth)


async def test_its_log_probabilities_and_choices(tmp_path: Path) -> None:
    async with front(tmp_path, PLANS) as house:
        answer = await model(house, logprobs=True, top_logprobs=2).ainvoke("How deep is the well?")
        scores = answer.response_metadata["logprobs"]["content"]
        assert "".join(each["token"] for each in scores) == answer.content
        result = await model(house, n=2).agenerate([[HumanMessage("How deep is the well?")]])
        assert len(result.generations[0]) == 2
