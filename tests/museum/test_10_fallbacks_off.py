"""Museum 10: `disable_fallbacks` and a pinned variant are honoured on every path.

LiteLLM #19077: they held on one path and not on others. The paths here: the fallbacks of a tier, a deeper tier after a
failed draft, one after a failed escalation; plain and streamed.
"""

from pathlib import Path

import pytest
from stairs_house import House, Plans, house

from pipeline.contracts import Chunk, ProviderPreferences, Reply, Request

FORBIDS: dict[str, dict[str, object]] = {
    "disable_fallbacks": {"disable_fallbacks": True},
    "provider.allow_fallbacks": {"provider": ProviderPreferences(allow_fallbacks=False)},
    "pin": {"pin": "first"},
}
TIERS = (
    "{variants: {first: 1}, fallbacks: [spare]}",
    "{variants: {second: 1}, fallbacks: [other]}",
    "{variants: {third: 1}}",
)
NAMES = ("first", "spare", "second", "other", "third")


def plans(*, accept: str = "", **models: str) -> Plans:
    targets = {name: models.get(name, f"maxi-{name}") for name in NAMES}
    return Plans(targets, TIERS, route=f"    max_escalations: 2\n{accept}")


async def ask(home: House, request: Request) -> Reply:
    if not request.stream:
        return await home.client.ask(request)
    async for item in home.client.stream(request):
        if not isinstance(item, Chunk):
            return item
    raise AssertionError("no reply")


def asked(stream: bool, **others: object) -> Request:
    return Request.model_validate({"input": "How deep is the well?", "cache": "off", "stream": stream, **others})


async def called(home: House) -> list[str]:
    (record,) = await home.records()
    return [attempt.variant for attempt in record.attempts]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("way", FORBIDS)
async def test_where_the_chosen_one_fails_no_other_answers(tmp_path: Path, way: str, stream: bool) -> None:
    async with house(tmp_path, plans(first="error")) as home:
        reply = await ask(home, asked(stream, **FORBIDS[way]))
        assert reply.status == "failed"
        assert reply.error is not None
        assert reply.error.code == "target_unavailable"
        assert await called(home) == ["first"]
        assert home.called() == {}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_the_same_request_without_them_is_answered(tmp_path: Path, stream: bool) -> None:
    async with house(tmp_path, plans(first="error")) as home:
        reply = await ask(home, asked(stream))
        assert reply.status == "answered"
        assert await called(home) == ["first", "spare"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("way", ["disable_fallbacks", "provider.allow_fallbacks"])
async def test_an_escalation_that_fails_is_taken_over_by_nobody(tmp_path: Path, way: str, stream: bool) -> None:
    """A draft that does not suffice is no failure, so it escalates; the tier that fails then is the last one."""
    unsure = plans(first="unsure", second="error", accept="    accept: {confidence: 0.9}\n")
    async with house(tmp_path, unsure) as home:
        reply = await ask(home, asked(stream, **FORBIDS[way]))
        assert await called(home) == ["first", "second"]
        assert reply.status == "answered"
        assert reply.degraded == "large_unavailable"
        assert reply.served is not None
        assert reply.served.variant == "first"


async def test_a_pinned_variant_that_is_well_is_the_one_that_answers(tmp_path: Path) -> None:
    async with house(tmp_path, plans(first="unsure", accept="    accept: {confidence: 0.9}\n")) as home:
        reply = await ask(home, asked(stream=False, pin="second"))
        assert reply.served is not None
        assert reply.served.variant == "second"
        assert await called(home) == ["second"]
