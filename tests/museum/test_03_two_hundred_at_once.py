"""Museum 3: 200 concurrent requests on a budget with room for 10: at most 10 are dispatched.

Here over the whole cascade in one process, in money and in requests. `make bench-budget` repeats it 50 times over
several processes, of which one is killed in the middle of each repetition.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes_money import lines
from stairs_house import House, Plans, house
from valkey_server import ValkeyServer, valkey_server

from pipeline.client import Client
from pipeline.contracts import Parameters, Reply, Request

AT_ONCE, ROOM, REPETITIONS = 200, 10, 3
# An answer of one token costs 10 USD for a million of them, and the prompt nothing: what is set aside is what it costs.
IN_MONEY = "limit: {usd: 0.0001}"
IN_REQUESTS = "limit: {requests: 10}"


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


class Priced(Plans):
    """The usual targets, whose prompts cost nothing."""

    def files(self, url: str) -> dict[str, str]:
        files = super().files(url)
        return {**files, "models": files["models"].replace("price: {input: 1,", "price: {input: 0,")}


def plans(limit: str) -> Priced:
    budgets = f"budgets:\n  - {{name: day, by: [tenant], per: total, {limit}}}\n"
    return Priced({"first": "mini"}, ("{variants: {first: 1}}",), budgets=budgets)


async def at_once(home: House, tenant: str) -> list[Reply]:
    client = Client(home.link, tenant)
    short = Parameters(max_tokens=1)
    asked = [Request(input=f"Question {n}", cache="off", parameters=short) for n in range(AT_ONCE)]
    return list(await asyncio.gather(*(client.ask(request) for request in asked)))


@pytest.mark.parametrize("limit", [IN_MONEY, IN_REQUESTS])
async def test_of_two_hundred_at_once_no_more_are_dispatched_than_the_budget_has_room_for(
    tmp_path: Path, valkey: ValkeyServer, limit: str
) -> None:
    kind = "money" if limit is IN_MONEY else "requests"
    async with house(tmp_path, plans(limit), valkey.url) as home:
        for repetition in range(REPETITIONS):
            replies = await at_once(home, f"{kind}-{repetition}")
            ended = Counter(reply.status for reply in replies)
            assert ended == {"answered": ROOM, "refused": AT_ONCE - ROOM}
            refused = [reply.error for reply in replies if reply.status == "refused"]
            assert {error.code for error in refused if error is not None} == {"budget_refused"}
            dispatched = sum(home.called().values())
            assert dispatched == ROOM * (repetition + 1), (
                "the model was called for those that were answered, and no more"
            )
        kinds = Counter(entry.kind for entry in await lines(home.link.streams))
        assert kinds == {"reserve": ROOM * REPETITIONS, "settle": ROOM * REPETITIONS}
