"""Museum 10 over HTTP: `disable_fallbacks` and a pinned variant are honoured whichever way they are said.

LiteLLM #19077: they held on one path and not on others.
"""

from pathlib import Path
from typing import Any

import openai
import pytest
from door_house import front
from openai.types.chat import ChatCompletionMessageParam
from stairs_house import Plans

ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How deep is the well?"}]
PLANS = Plans({"first": "error", "spare": "maxi"}, ("{variants: {first: 1}, fallbacks: [spare]}",))
WAYS: dict[str, dict[str, Any]] = {
    "header": {"extra_headers": {"x-stepwell-disable-fallbacks": "true"}},
    "body": {"extra_body": {"stepwell": {"disable_fallbacks": True}}},
    "provider": {"extra_body": {"provider": {"allow_fallbacks": False}}},
    "pin in a header": {"extra_headers": {"x-stepwell-pin": "first"}},
    "pin in the body": {"extra_body": {"stepwell": {"pin": "first"}}},
    "a variant as the model": {"model": "first"},
    "a route with a variant as the model": {"model": "chat:first"},
}


@pytest.mark.parametrize("way", WAYS)
async def test_where_the_chosen_one_fails_no_other_answers(tmp_path: Path, way: str) -> None:
    async with front(tmp_path, PLANS) as house:
        for stream in (False, True):
            asked: dict[str, Any] = {"model": "auto", "messages": ASK, "stream": stream, **WAYS[way]}
            with pytest.raises(openai.InternalServerError) as failed:
                await house.official.chat.completions.create(**asked)
            assert failed.value.code == "target_unavailable"
            assert failed.value.response.headers["x-stepwell-attempts"] == "1"
        assert house.home.called() == {}


async def test_without_them_the_spare_answers(tmp_path: Path) -> None:
    async with front(tmp_path, PLANS) as house:
        raw = await house.official.chat.completions.with_raw_response.create(model="auto", messages=ASK)
        assert raw.headers["x-stepwell-variant"] == "spare"
