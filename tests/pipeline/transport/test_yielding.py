"""Batch work in a loop of its own and in one that it shares, on a real nats-server."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from servers import NatsServer, provisioned, until

from pipeline.layout import consumers
from pipeline.ports import Delivery
from pipeline.transport.nats import NatsLink
from pipeline.transport.nats.queue import NatsTransport
from pipeline.transport.share import HURRY_S, LATE_S

SLOTS = 16


@pytest.fixture
async def link(nats: NatsServer) -> AsyncIterator[NatsLink]:
    """A connection to a server that hands out as many batch messages as are asked for."""
    connected = await provisioned(nats, consumers(batch=100, ack_wait_s=5.0))
    yield connected
    await connected.close()


class Desk:
    """Takes the work of a process. What is held ends when it is let go; `slow` keeps the loop busy meanwhile."""

    def __init__(self, link: NatsLink) -> None:
        self.transport: NatsTransport = link.transport()
        self.held: list[asyncio.Event] = []
        self.most = 0

    async def take(self, delivery: Delivery) -> None:
        self.held.append(gate := asyncio.Event())
        self.most = max(self.most, len(self.held))
        await gate.wait()
        self.held.remove(gate)
        await delivery.ack()

    def let_go(self) -> None:
        for gate in list(self.held):
            gate.set()

    async def work(self, seconds: float, *, seize: bool) -> None:
        """Everything that is held ends again and again, in a loop that is late; with interactive work or without."""
        until_then = time.monotonic() + seconds
        while time.monotonic() < until_then:
            leave = self.transport.seize("draft", "interactive") if seize else None
            time.sleep(LATE_S * 4)  # noqa: ASYNC251  which is what is tested
            if leave is not None:
                leave()
            self.let_go()
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)


async def lines(transport: NatsTransport, start: int, number: int) -> None:
    for n in range(start, start + number):
        await transport.hand_over("batch", "draft", b"{}", f"acme.{n}.0")


async def test_beside_interactive_work_in_a_late_loop_batch_work_yields_and_comes_back_after_it(link: NatsLink) -> None:
    desk = Desk(link)
    await lines(desk.transport, 0, 200)
    await desk.transport.consume("draft", "interactive", desk.take, SLOTS)
    await desk.transport.consume("draft", "batch", desk.take, SLOTS)
    await until(lambda: len(desk.held) == SLOTS)
    await desk.work(0.6, seize=True)
    desk.let_go()
    await asyncio.sleep(0.02)
    assert len(desk.held) == 1
    await lines(desk.transport, 200, 100)
    await asyncio.sleep(HURRY_S)
    await until(lambda: len(desk.held) == SLOTS)
    while desk.held:
        desk.let_go()
        await asyncio.sleep(0.05)
    await until(lambda: desk.transport._yielding._timer is None)  # nobody looks where there is no batch work
    assert desk.most == SLOTS
    await desk.transport.stop(0.1)


@pytest.mark.parametrize("lanes", [("batch",), ("interactive", "batch")])
async def test_where_no_interactive_work_is_in_hand_a_late_loop_keeps_nobody_waiting(
    link: NatsLink, lanes: tuple[str, ...]
) -> None:
    desk = Desk(link)
    await lines(desk.transport, 0, 400)
    for lane in lanes:
        await desk.transport.consume("draft", lane, desk.take, SLOTS)  # type: ignore[arg-type]
    await until(lambda: len(desk.held) == SLOTS)
    await desk.work(0.3, seize=False)
    await until(lambda: len(desk.held) == SLOTS)
    assert (desk.transport._yielding._timer is None) == (lanes == ("batch",))
    desk.let_go()
    await desk.transport.stop(0.1)


async def test_a_slot_is_seized_only_where_one_is_free_and_is_free_again_after(link: NatsLink) -> None:
    desk = Desk(link)
    assert desk.transport.seize("draft", "interactive") is None, "nobody serves it here"
    await desk.transport.consume("draft", "interactive", desk.take, 2)
    leave, other = (desk.transport.seize("draft", "interactive") for _ in range(2))
    assert leave is not None
    assert other is not None
    assert desk.transport.seize("draft", "interactive") is None
    await desk.transport.hand_over("interactive", "draft", b"{}", "acme.1.0")
    await asyncio.sleep(0.1)
    assert not desk.held
    leave()
    await until(lambda: len(desk.held) == 1)
    assert desk.transport.seize("draft", "interactive") is None
    desk.let_go()
    other()
    await until(lambda: not desk.held)
    last = desk.transport.seize("draft", "interactive")
    assert last is not None
    last()
    await desk.transport.stop(0.1)
