"""A burst of one tenant on a real nats-server: who is let in, what the others are told, and whose turn it is."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import nats as plain
import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from servers import nats_server, provisioned, until
from small_cascade import SmallCascade

from pipeline.layout import consumers
from pipeline.policy.models.limits import AdmissionLimits, Lanes
from pipeline.worker import Slots

BURST = 1000
LIMIT = 500
SLOTS = 16
LONG_S = 60.0
"""To answer or to acknowledge: a machine that stands still for a while changes nothing that is asserted here."""


class Still:
    """The time of day goes on; what is measured with the other clock moves when a test says so."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return self.passed


class Callers:
    """A client of NATS that knows nothing of us, and keeps what it is answered."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.inbox = client.new_inbox()
        self.refused: list[Msg] = []
        self.accepted: Counter[str] = Counter()
        self.answered: set[str] = set()
        """The inboxes: a reply may come twice."""

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
            self.answered.add(message.subject)

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
        small = SmallCascade(server, await provisioned(server, consumers(ack_wait_s=LONG_S)))
        small.slots, small.clock = Slots(interactive=SLOTS), Still()
        small.policies.policy.limits.lanes = Lanes(interactive_deadline_ms=600_000)
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
    await until(lambda: callers.settled == BURST + 5, LONG_S)
    assert callers.accepted == {"loud": LIMIT, "quiet": 5}
    codes = Counter((message.headers or {})["Nats-Service-Error-Code"] for message in callers.refused)
    assert codes == {"503": BURST - LIMIT}
    told = [orjson.loads(message.data)["error"] for message in callers.refused]
    assert {error["code"] for error in told} == {"overloaded"}
    assert all(1 <= error["retry_after_s"] <= 30 for error in told)
    cascade.gate.set()
    await until(lambda: len(callers.answered) == LIMIT + 5, LONG_S)
    served = list(dict.fromkeys((envelope.tenant, envelope.id) for envelope in cascade.drafted))
    last = max(number for number, (tenant, _) in enumerate(served) if tenant == "quiet")
    assert last < 4 * SLOTS
    await callers.client.close()


async def test_a_worker_that_looks_at_the_queue_lets_in_as_many_as_have_left_it(cascade: SmallCascade) -> None:
    """Not what it let in ever counts, but what NATS says is there."""
    cascade.gate.clear()
    callers = await connected(cascade)
    await callers.ask("loud", LIMIT + 1)
    await until(lambda: callers.settled == LIMIT + 1, LONG_S)
    assert len(callers.refused) == 1
    cascade.gate.set()
    await until(lambda: len(callers.answered) == LIMIT, LONG_S)
    assert isinstance(cascade.clock, Still)
    let_in = callers.accepted.total()

    async def another_is_let_in() -> bool:
        cascade.clock.passed += 1.0  # a look is due; its answer counts for whoever asks afterwards
        settled = callers.settled
        await callers.ask("loud", 1)
        await until(lambda: callers.settled == settled + 1, LONG_S)
        return callers.accepted.total() > let_in

    await comes(another_is_let_in)
    await callers.client.close()


async def comes(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(LONG_S):
        while not await holds():
            await asyncio.sleep(0.01)


async def test_the_statistics_of_the_service_count_what_was_answered_with_an_error(cascade: SmallCascade) -> None:
    callers = await connected(cascade)

    async def said() -> dict[str, tuple[int, int, str]]:
        stats = orjson.loads((await callers.client.request("$SRV.STATS.stepwell", b"", timeout=LONG_S)).data)
        keys = ("num_requests", "num_errors", "last_error")
        return {one["name"]: tuple(one[key] for key in keys) for one in stats["endpoints"]}

    async def says(verb: str, counted: tuple[int, int, str]) -> bool:
        return (await said())[verb] == counted

    await callers.ask("shop", 2)
    await comes(lambda: says("ask", (2, 0, "")))
    assert {verb: told for verb, told in (await said()).items() if verb != "ask"} == dict.fromkeys(
        ("enqueue", "result", "outcome"), (0, 0, "")
    )
    await callers.client.request("request.ask.shop", b"{", timeout=LONG_S)
    await callers.client.request("request.result.shop", b'{"id": "never"}', timeout=LONG_S)
    await comes(lambda: says("ask", (3, 1, "400:invalid_request")))
    await comes(lambda: says("result", (1, 1, "404:not_found")))
    await until(lambda: len(callers.answered) == 2, LONG_S)
    cascade.policies.policy.limits.admission = AdmissionLimits(interactive=1)
    cascade.gate.clear()
    await callers.ask("shop", 4)
    await until(lambda: callers.settled == 6, LONG_S)
    refused = len(callers.refused)
    assert refused >= 3
    await comes(lambda: says("ask", (7, 1 + refused, "503:overloaded")))
    await callers.client.close()
