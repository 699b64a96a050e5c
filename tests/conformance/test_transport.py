"""What any transport promises. Each behaviour runs in memory and on a real nats-server."""

import asyncio

import pytest
from servers import until

from pipeline.contracts import Chunk, Reply
from pipeline.errors import NoWorker
from pipeline.ports import Delivery, Incoming, Link


class Collector:
    """A handler that keeps what it is given and settles it as it is told."""

    def __init__(self, settle: str = "ack") -> None:
        self.taken: list[Delivery] = []
        self.settle = settle
        self.running = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, delivery: Delivery) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        self.taken.append(delivery)
        await self.gate.wait()
        if self.settle == "ack":
            await delivery.ack()
        elif self.settle == "retry-once" and delivery.delivered == 1:
            await delivery.retry(0.05)
        else:
            await delivery.ack()
        self.running -= 1

    @property
    def bodies(self) -> list[bytes]:
        return [delivery.body for delivery in self.taken]


async def test_what_is_handed_over_is_delivered_with_its_stage_lane_and_count(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    await transport.consume("plan", "batch", collector, 4)
    assert await transport.hand_over("batch", "plan", b"one", "id-1")
    await until(lambda: collector.taken)
    delivery = collector.taken[0]
    assert (delivery.stage, delivery.lane, delivery.body, delivery.delivered) == ("plan", "batch", b"one", 1)
    await transport.stop(1)


async def test_a_message_waits_for_a_consumer_that_comes_later(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    await transport.hand_over("interactive", "draft", b"early", "id-1")
    await transport.consume("draft", "interactive", collector, 4)
    await until(lambda: collector.taken)
    await transport.stop(1)


async def test_the_same_message_id_is_stored_once(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    assert await transport.hand_over("interactive", "plan", b"first", "same")
    assert not await transport.hand_over("interactive", "plan", b"second", "same")
    await transport.consume("plan", "interactive", collector, 4)
    await until(lambda: collector.taken)
    await asyncio.sleep(0.1)
    assert collector.bodies == [b"first"]
    await transport.stop(1)


async def test_queues_of_stages_and_lanes_are_apart(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    await transport.consume("check", "interactive", collector, 4)
    await transport.hand_over("interactive", "plan", b"other stage", "1")
    await transport.hand_over("batch", "check", b"other lane", "2")
    await transport.hand_over("interactive", "check", b"mine", "3")
    await until(lambda: collector.taken)
    await asyncio.sleep(0.1)
    assert collector.bodies == [b"mine"]
    await transport.stop(1)


async def test_no_more_than_the_slots_are_taken_at_a_time(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    collector.gate.clear()
    for number in range(12):
        await transport.hand_over("interactive", "plan", b"x", f"id-{number}")
    await transport.consume("plan", "interactive", collector, 3)
    await until(lambda: collector.running == 3)
    await asyncio.sleep(0.1)
    assert collector.running == 3
    collector.gate.set()
    await until(lambda: len(collector.taken) == 12)
    assert collector.most == 3
    await transport.stop(1)


async def test_what_is_handed_back_comes_again_later_with_a_higher_count(link: Link) -> None:
    transport, collector = link.transport(), Collector("retry-once")
    await transport.consume("plan", "interactive", collector, 4)
    await transport.hand_over("interactive", "plan", b"again", "1")
    await until(lambda: len(collector.taken) == 2)
    assert [delivery.delivered for delivery in collector.taken] == [1, 2]
    await transport.stop(1)


async def test_what_is_postponed_comes_after_its_time_as_if_it_had_just_come(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    await transport.consume("draft", "batch", collector, 4)
    began = asyncio.get_running_loop().time()
    assert await transport.postpone("batch", "draft", b"later", "default.r1.4.1", 0.4)
    await until(lambda: collector.taken)
    assert asyncio.get_running_loop().time() - began >= 0.38
    delivery = collector.taken[0]
    assert (delivery.stage, delivery.lane, delivery.body, delivery.delivered) == ("draft", "batch", b"later", 1)
    await asyncio.sleep(0.3)
    assert len(collector.taken) == 1
    await transport.stop(1)


async def test_what_is_postponed_into_the_past_comes_at_once(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    await transport.consume("draft", "interactive", collector, 4)
    await transport.postpone("interactive", "draft", b"overdue", "default.r1.4.1", -5.0)
    await until(lambda: collector.taken)
    await transport.stop(1)


async def test_what_waits_for_its_time_can_be_woken_and_comes_once(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    await transport.consume("escalate", "batch", collector, 4)
    for number in range(3):
        await transport.postpone("batch", "escalate", b"%d" % number, f"default.r{number}.4.1", 30.0)
    assert await transport.wake("batch", "default.r1")
    assert not await transport.wake("batch", "default.r7")
    assert not await transport.wake("interactive", "default.r2")
    await until(lambda: collector.taken)
    await transport.wake("batch", "default.r1")
    await asyncio.sleep(0.5)
    assert [(delivery.stage, delivery.body) for delivery in collector.taken] == [("escalate", b"1")]
    await transport.stop(1)


async def test_what_is_woken_as_its_time_comes_is_not_doubled(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    await transport.consume("draft", "batch", collector, 4)
    for number in range(20):
        await transport.postpone("batch", "draft", b"x", f"default.r{number}.4.1", 0.2 + number * 0.01)
    for number in range(20):
        await asyncio.gather(*(transport.wake("batch", f"default.r{number}") for _ in range(3)))
        await asyncio.sleep(0.01)
    await until(lambda: len(collector.taken) >= 20)
    await asyncio.sleep(0.5)
    assert len(collector.taken) == 20
    await transport.stop(1)


async def test_what_is_on_the_way_is_counted_by_lane_and_tenant_until_it_is_settled(link: Link) -> None:
    """Waiting or held, in front of any stage; not what waits for its time."""
    transport, collector = link.transport(), Collector()
    assert await transport.on_the_way("interactive") == {}
    for number, stage in enumerate(("classify", "draft", "draft")):
        await transport.hand_over("interactive", stage, b"x", f"shop.{number}.0", row=number)
    await transport.hand_over("interactive", "draft", b"x", "law.r1.0")
    await transport.hand_over("batch", "draft", b"x", "law.r2.0")
    await transport.postpone("interactive", "draft", b"later", "default.r1.4.1", 30.0)
    await asyncio.sleep(0.05)
    assert await transport.on_the_way("interactive") == {"shop": 3, "law": 1}
    assert await transport.on_the_way("batch") == {"law": 1}
    collector.gate.clear()
    await transport.consume("draft", "interactive", collector, 4)
    await until(lambda: collector.running == 3)
    assert await transport.on_the_way("interactive") == {"shop": 3, "law": 1}
    collector.gate.set()
    async with asyncio.timeout(5):
        while await transport.on_the_way("interactive") != {"shop": 1}:
            await asyncio.sleep(0.01)
    await transport.stop(1)


async def test_the_same_postponement_is_stored_once(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    assert await transport.postpone("batch", "draft", b"one", "default.r1.4.1", 0.2)
    assert not await transport.postpone("batch", "draft", b"one", "default.r1.4.1", 0.2)
    assert await transport.postpone("batch", "draft", b"two", "default.r1.4.2", 0.2)
    await transport.consume("draft", "batch", collector, 4)
    await until(lambda: len(collector.taken) == 2)
    await asyncio.sleep(0.3)
    assert sorted(collector.bodies) == [b"one", b"two"]
    await transport.stop(1)


async def test_what_is_postponed_takes_nobodys_place_in_the_queue(link: Link) -> None:
    """Many may wait, and what comes after them is handed out at once (a batch consumer hands out two at a time)."""
    transport, collector = link.transport(), Collector()
    await transport.consume("draft", "batch", collector, 2)
    for number in range(20):
        await transport.postpone("batch", "draft", b"later", f"default.r{number}.4.1", 60)
    await transport.hand_over("batch", "draft", b"now", "id-1")
    await until(lambda: collector.taken)
    assert collector.bodies == [b"now"]
    await transport.stop(1)


async def test_who_stands_in_front_does_not_wait_for_the_rows_behind(link: Link) -> None:
    """Nor a row behind for another one: of 600 that were there before, only a few for each slot come first."""
    transport, collector = link.transport(), Collector()
    for number in range(300):
        await transport.hand_over("interactive", "draft", b"loud", f"loud.{number}.0", row=1)
        await transport.hand_over("interactive", "draft", b"other", f"other.{number}.0", row=3)
    collector.gate.clear()
    await transport.consume("draft", "interactive", collector, 4)
    await until(lambda: collector.running == 4)
    for number in range(5):
        await transport.hand_over("interactive", "draft", b"quiet", f"quiet.{number}.0")
    await asyncio.sleep(0.05)
    collector.gate.set()
    await until(lambda: len(collector.taken) == 605)
    last = max(number for number, body in enumerate(collector.bodies) if body == b"quiet")
    assert last < 4 + 4 + 2 * 5
    served = collector.bodies[:200]
    assert abs(served.count(b"loud") - served.count(b"other")) <= 20
    assert {delivery.row for delivery in collector.taken if delivery.body == b"other"} == {3}
    await transport.stop(1)


async def test_what_is_postponed_comes_back_to_its_row(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    await transport.consume("draft", "interactive", collector, 4)
    await transport.postpone("interactive", "draft", b"later", "shop.r1.4.1", 0.1, 2)
    await until(lambda: collector.taken)
    assert collector.taken[0].row == 2
    await transport.stop(1)


async def test_the_rows_keep_batches_behind_nothing_and_in_front_of_nothing(link: Link) -> None:
    """Each lane has places of its own: a flood in one takes none of the other."""
    transport, interactive, batch = link.transport(), Collector(), Collector()
    interactive.gate.clear()
    batch.gate.clear()
    await transport.consume("draft", "interactive", interactive, 2)
    await transport.consume("draft", "batch", batch, 2)
    for number in range(50):
        await transport.hand_over("batch", "draft", b"line", f"loud.b{number}.0")
    await until(lambda: batch.running == 2)
    await transport.hand_over("interactive", "draft", b"question", "quiet.r1.0")
    await until(lambda: interactive.running == 1)
    assert len(batch.taken) == 2
    interactive.gate.set()
    batch.gate.set()
    await until(lambda: len(batch.taken) == 50)
    await transport.stop(1)


async def test_stop_lets_running_work_end_and_takes_no_more(link: Link) -> None:
    transport, collector = link.transport(), Collector()
    collector.gate.clear()
    await transport.consume("plan", "interactive", collector, 1)
    await transport.hand_over("interactive", "plan", b"running", "1")
    await transport.hand_over("interactive", "plan", b"waiting", "2")
    await until(lambda: collector.running == 1)
    stopping = asyncio.create_task(transport.stop(5))
    await asyncio.sleep(0.05)
    collector.gate.set()
    await stopping
    assert collector.bodies == [b"running"]
    assert collector.running == 0


async def test_ten_in_stop_start_ten_out(link: Link) -> None:
    """Nothing is lost when a consumer stops in the middle and another one takes over."""
    first, second = Collector(), Collector()
    transport = link.transport()
    for number in range(10):
        await transport.hand_over("interactive", "plan", str(number).encode(), f"id-{number}")
    await transport.consume("plan", "interactive", first, 2)
    await until(lambda: len(first.taken) >= 2)
    await transport.stop(5)
    other = link.transport()
    await other.consume("plan", "interactive", second, 4)
    await until(lambda: len({*first.bodies, *second.bodies}) == 10)
    await other.stop(1)


async def test_a_caller_gets_chunks_in_order_then_the_reply_then_the_end(link: Link) -> None:
    async def answer(incoming: Incoming) -> None:
        caller = link.transport().caller(str(incoming.reply_to), True)
        for number in range(40):
            assert await caller.chunk(Chunk(seq=number, text=f"t{number}"))
        await caller.reply(_reply())

    await link.serve("test", "1.0.0", {"request.ask.*": answer})
    conversation = await link.converse("request.ask.default", b"{}")
    seen = []
    while (incoming := await conversation.next(2)) and incoming.body:
        seen.append(incoming.body)
    conversation.close()
    assert [Chunk.model_validate_json(body).seq for body in seen[:-1]] == list(range(40))
    assert Reply.model_validate_json(seen[-1]).status == "answered"


async def test_a_chunk_of_reasoning_is_told_from_one_of_text(link: Link) -> None:
    async def answer(incoming: Incoming) -> None:
        caller = link.transport().caller(str(incoming.reply_to), True)
        await caller.chunk(Chunk(seq=0, text="", reasoning="so"))
        await caller.chunk(Chunk(seq=1, text="four"))
        await caller.reply(_reply())

    await link.serve("test", "1.0.0", {"request.ask.*": answer})
    conversation = await link.converse("request.ask.default", b"{}")
    first, second = [await conversation.next(2) for _ in range(2)]
    conversation.close()
    assert first is not None
    assert second is not None
    assert Chunk.model_validate_json(first.body) == Chunk(seq=0, text="", reasoning="so")
    assert Chunk.model_validate_json(second.body) == Chunk(seq=1, text="four")


async def _heard_back(link: Link) -> None:
    """Return when all that was sent has come to the server, and what it said to that has come back."""
    conversation = await link.converse("request.ask.default", b"{}")
    with pytest.raises(NoWorker):
        await conversation.next(30)
    conversation.close()


async def test_a_caller_that_is_gone_is_noticed_within_some_chunks(link: Link) -> None:
    """Gone is a process that ended: one that lives takes back what it no longer wants, or asks again elsewhere."""
    caller = link.transport().caller("_INBOX.process-that-ended.1", True)
    alive = True
    for number in range(32):
        alive = await caller.chunk(Chunk(seq=number, text="x"))
        if not alive:
            break
        await _heard_back(link)
    assert not alive


async def test_a_request_that_nobody_serves_fails_at_once(link: Link) -> None:
    conversation = await link.converse("request.ask.default", b"{}")
    began = asyncio.get_running_loop().time()
    with pytest.raises(NoWorker, match=r"may be starting again.*stepwell worker") as caught:
        await conversation.next(5)
    assert caught.value.retry_after_s == 1.0
    assert asyncio.get_running_loop().time() - began < 1
    conversation.close()


async def test_members_of_a_service_share_requests(link: Link) -> None:
    """Each request is answered by one handler of the service, and none by nobody."""
    answers: list[bytes] = []

    async def answer(incoming: Incoming) -> None:
        answers.append(incoming.body)
        await link.publish(str(incoming.reply_to), b"done")

    await link.serve("stepwell", "1.0.0", {"request.result.*": answer})
    await link.serve("stepwell", "1.0.0", {"request.result.*": answer})
    for number in range(6):
        conversation = await link.converse("request.result.default", str(number).encode())
        assert (await conversation.next(2)) is not None
        conversation.close()
    await asyncio.sleep(0.05)
    assert sorted(answers) == [b"0", b"1", b"2", b"3", b"4", b"5"]


async def test_core_messages_reach_subscribers_with_wildcards_until_they_stop(link: Link) -> None:
    got: list[Incoming] = []

    async def keep(incoming: Incoming) -> None:
        got.append(incoming)

    subscription = await link.subscribe("cancel.*.*", keep)
    await link.publish("cancel.default.one", b"")
    await until(lambda: len(got) == 1)
    await subscription.stop()
    await link.publish("cancel.default.two", b"")
    await asyncio.sleep(0.05)
    assert [incoming.subject for incoming in got] == ["cancel.default.one"]


def _reply() -> Reply:
    return Reply(id="r", tenant="default", status="answered", content="x", policy_revision="p", fingerprint="f")
