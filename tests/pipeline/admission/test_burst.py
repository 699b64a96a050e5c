"""A burst of one tenant on a real nats-server: who is let in, what the others are told, and whose turn it is."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import nats as plain
import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from servers import nats_server, until
from small_cascade import SmallCascade

from pipeline.policy.models.limits import AdmissionLimits
from pipeline.worker import Slots

BURST = 4000
LIMIT = 2000
SLOTS = 16


class Callers:
    """A client of NATS that knows nothing of us, and keeps what it is answered."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.inbox = client.new_inbox()
        self.refused: list[Msg] = []
        self.accepted: Counter[str] = Counter()
        self.answered: list[str] = []

    async def start(self) -> None:
        await self.client.subscribe(f"{self.inbox}.*.*", cb=self._hear)

    async def _hear(self, message: Msg) -> None:
        tenant = message.subject.split(".")[-2]
        if not message.data:
            return
        if "Nats-Service-Error" in (message.headers or {}):
            self.refused.append(message)
        elif message.data.startswith(b'{"accepted"'):
            self.accepted[tenant] += 1
        else:
            self.answered.append(tenant)

    async def ask(self, tenant: str, times: int) -> None:
        headers = {"Stepwell-Accepted": "1"}
        for number in range(times):
            reply = f"{self.inbox}.{tenant}.{number}"
            await self.client.publish(f"request.ask.{tenant}", b'{"input": "hi"}', reply=reply, headers=headers)
        await self.client.flush()

    @property
    def settled(self) -> int:
        return len(self.refused) + self.accepted.total()


@pytest.fixture
async def cascade(tmp_path: Path) -> AsyncIterator[SmallCascade]:
    with nats_server(tmp_path) as server:
        small = SmallCascade(server)
        small.slots = Slots(interactive=SLOTS)
        small.policies.policy.limits.admission = AdmissionLimits(interactive=LIMIT)
        async with small:
            yield small


async def connected(cascade: SmallCascade) -> Callers:
    callers = Callers(await plain.connect(cascade.server.url))
    await callers.start()
    return callers


async def test_of_a_burst_the_limit_is_let_in_and_served_in_turn_with_who_asks_little(cascade: SmallCascade) -> None:
    cascade.gate.clear()
    callers = await connected(cascade)
    await callers.ask("loud", BURST)
    await callers.ask("quiet", 5)
    await until(lambda: callers.settled == BURST + 5, 60)
    assert callers.accepted["loud"] == LIMIT
    assert callers.accepted["quiet"] == 5
    codes = Counter((message.headers or {})["Nats-Service-Error-Code"] for message in callers.refused)
    assert codes == {"503": BURST - LIMIT}
    told = [orjson.loads(message.data)["error"] for message in callers.refused]
    assert {error["code"] for error in told} == {"overloaded"}
    assert all(1 <= error["retry_after_s"] <= 30 for error in told)
    cascade.gate.set()
    await until(lambda: len(callers.answered) == LIMIT + 5, 60)
    served = [envelope.tenant for envelope in cascade.drafted]
    last = max(number for number, tenant in enumerate(served) if tenant == "quiet")
    assert last < 4 * SLOTS
    await callers.client.close()


async def test_the_statistics_of_the_service_count_what_was_answered_with_an_error(cascade: SmallCascade) -> None:
    callers = await connected(cascade)

    async def said() -> dict[str, tuple[int, int, str]]:
        stats = orjson.loads((await callers.client.request("$SRV.STATS.stepwell", b"")).data)
        keys = ("num_requests", "num_errors", "last_error")
        return {one["name"]: tuple(one[key] for key in keys) for one in stats["endpoints"]}

    await callers.ask("shop", 2)
    await until(lambda: callers.accepted["shop"] == 2)
    assert await said() == {
        verb: (2 if verb == "ask" else 0, 0, "") for verb in ("ask", "enqueue", "result", "outcome")
    }
    await callers.client.request("request.ask.shop", b"{", timeout=5)
    await callers.client.request("request.result.shop", b'{"id": "never"}', timeout=5)
    told = await said()
    assert told["ask"] == (3, 1, "400:invalid_request")
    assert told["result"] == (1, 1, "404:not_found")
    cascade.policies.policy.limits.admission = AdmissionLimits(interactive=1)
    cascade.gate.clear()
    await callers.ask("shop", 4)
    await until(lambda: callers.refused)
    await asyncio.sleep(0)
    _, errors, last = (await said())["ask"]
    assert errors > 1
    assert last == "503:overloaded"
    await callers.client.close()
