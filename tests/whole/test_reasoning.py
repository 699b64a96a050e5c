"""What a model reasons and which tools it calls, through the whole cascade and the HTTP door."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest
from fakes_door import Names
from stairs_house import House, Plans, house

from pipeline.client import Client
from pipeline.gateway import Limits, build_door
from pipeline.gateway.server import listening
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy

MAIL = "odalys.brandvold@example.org"
ASK = {
    "model": "auto",
    "messages": [{"role": "user", "content": f"Write to {MAIL} today."}],
    "stepwell": {"cache": "off", "origin": "US"},
}
SAID = f"It is asked: Write to {MAIL} today. So I answer."
"""What a scripted model reasons about that."""
TWO = ("{variants: {first: 1}}", "{variants: {second: 1}}")
STAYS = "    accept: {confidence: 0.5}\n"
OPENS = f"{STAYS}    escalation: {{open_early: {{after: 3, above: 0.6}}}}\n"
TOOL = {
    "type": "function",
    "function": {"name": "measure", "parameters": {"type": "object", "properties": {"depth": {"type": "integer"}}}},
}
HIDES = """\
apiVersion: stepwell/v1
kind: Residency
scan: {names: false}
classes:
  confidential: [EMAIL]
rules:
  - id: hidden-abroad
    when: target.external
    action: pseudonymise
    types: [EMAIL]
    reason: addresses stay here
"""


class Said(NamedTuple):
    """What came over HTTP: the deltas joined, their kinds in order, and the answer as a whole where it was one."""

    text: str
    reasoning: str
    calls: list[dict[str, Any]]
    kinds: list[str]


def abroad(folder: Path) -> FixedPolicy:
    """The policies of the folder, with targets that know tools and see pseudonyms in place of addresses."""
    models = folder / "models.yaml"
    text = models.read_text().replace("[chat, logprobs,", "[chat, tools, logprobs,")
    models.write_text(text.replace("external: false", "external: true"))
    (folder / "residency.yaml").write_text(HIDES)
    return FixedPolicy(load_folder(folder, {}))


@contextlib.asynccontextmanager
async def door(home: House) -> AsyncIterator[aiohttp.ClientSession]:
    app = build_door(lambda tenant: Client(home.link, tenant), Names())
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield session
    await runner.cleanup()


async def asked(home: House, *, stream: bool, **more: object) -> Said:
    """Ask through the door."""
    async with door(home) as session:
        response = await session.post("/v1/chat/completions", json={**ASK, **more, "stream": stream})
        body = await response.read()
    assert response.status == 200, body
    if not stream:
        message = orjson.loads(body)["choices"][0]["message"]
        return _said([message])
    events = [orjson.loads(part[6:]) for part in body.split(b"\n\n") if part.startswith(b"data: {")]
    return _said([choice["delta"] for event in events for choice in event["choices"]])


def _said(deltas: list[Mapping[str, Any]]) -> Said:
    kinds = [kind for delta in deltas for kind in ("reasoning_content", "content", "tool_calls") if delta.get(kind)]
    return Said(
        "".join(delta.get("content") or "" for delta in deltas),
        "".join(delta.get("reasoning_content") or "" for delta in deltas),
        [call for delta in deltas for call in delta.get("tool_calls") or ()],
        kinds,
    )


WAYS = {
    "an accepted draft": ({"first": "mini-reasons", "second": "maxi"}, TWO, STAYS),
    "passed on early": ({"first": "mini-reasons-drip", "second": "maxi"}, TWO, OPENS),
    "the last tier": ({"first": "unsure-fast", "second": "maxi-reasons-drip"}, TWO, STAYS),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("way", WAYS)
async def test_reasoning_reaches_the_caller_before_the_text_with_what_is_his_restored(
    tmp_path: Path, way: str, stream: bool
) -> None:
    async with house(tmp_path, Plans(*WAYS[way]), source=abroad) as home:
        said = await asked(home, stream=stream)
        assert said.reasoning == SAID
        assert said.text
        assert said.kinds == sorted(said.kinds, reverse=True), "reasoning, and then text"
        (record,) = await home.records()
        assert "So I answer" not in record.model_dump_json()
        assert record.attempts[-1].shielded, "the model saw a pseudonym"
        assert record.usage.reasoning_tokens > 0
        if stream and way != "an accepted draft":
            assert said.kinds.count("content") > 1, "as it came"


async def test_of_a_rejected_draft_nobody_hears_what_it_reasoned(tmp_path: Path) -> None:
    plans = Plans({"first": "unsure-reasons-fast", "second": "maxi-fast"}, TWO, OPENS)
    async with house(tmp_path, plans) as home:
        for stream in (False, True):
            said = await asked(home, stream=stream)
            assert (said.reasoning, bool(said.text)) == ("", True)
        assert home.called()["unsure-reasons-fast"] == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_doubt_on_the_way_is_no_doubt_of_the_answer(tmp_path: Path, stream: bool) -> None:
    confidence = []
    for model in ("mini", "mini-reasons"):
        (tmp_path / model).mkdir()
        async with house(tmp_path / model, Plans({"first": model, "second": "maxi"}, TWO, STAYS)) as home:
            await asked(home, stream=stream)
            (record,) = await home.records()
            confidence.append(record.confidence)
            assert len(record.attempts) == 1, "the draft stays"
    assert confidence[0] == pytest.approx(confidence[1], abs=0.02)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("first", ["mini-reasons", "mini"])
async def test_calls_of_tools_of_an_accepted_draft_come_as_calls(tmp_path: Path, first: str, stream: bool) -> None:
    taken = OPENS.replace("confidence: 0.5", "confidence: null")
    async with house(tmp_path, Plans({"first": first, "second": "maxi"}, TWO, taken), source=abroad) as home:
        said = await asked(home, stream=stream, tools=[TOOL], tool_choice="required")
        (call,) = said.calls
        assert call["function"]["name"] == "measure"
        assert set(orjson.loads(call["function"]["arguments"])) == {"depth"}
        assert said.text == ""
        assert said.reasoning == (SAID if "reasons" in first else "")
        assert said.kinds[-1] == "tool_calls"
        assert home.called() == {first: 1}
