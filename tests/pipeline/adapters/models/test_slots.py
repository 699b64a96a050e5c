"""Who gets a target's slots."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.slots import Slots
from pipeline.contracts import Lane


async def hold(slots: Slots, lane: Lane, order: list[str], name: str, until: asyncio.Event) -> None:
    if not slots.take(lane):
        await slots.wait(lane)
    order.append(name)
    await until.wait()
    slots.give_back(lane)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_interactive_calls_go_before_batch_calls_that_waited_longer() -> None:
    slots, order, go = Slots(1), list[str](), asyncio.Event()
    assert slots.take("interactive")
    tasks = [
        asyncio.create_task(hold(slots, lane, order, name, go))
        for name, lane in (("b1", "batch"), ("b2", "batch"), ("i1", "interactive"), ("i2", "interactive"))
    ]
    await settle()
    go.set()
    slots.give_back("interactive")
    await asyncio.gather(*tasks)
    assert order == ["i1", "i2", "b1", "b2"]


async def test_batch_leaves_a_slot_free_where_there_are_several() -> None:
    slots = Slots(3)
    assert [slots.take("batch") for _ in range(3)] == [True, True, False]
    assert slots.take("interactive")
    assert not slots.take("interactive")


async def test_batch_may_hold_the_only_slot() -> None:
    slots = Slots(1)
    assert slots.take("batch")
    assert not slots.take("interactive")


async def test_a_wait_that_is_cancelled_takes_no_slot() -> None:
    slots, order, go = Slots(1), list[str](), asyncio.Event()
    assert slots.take("interactive")
    waiting = asyncio.create_task(hold(slots, "interactive", order, "gone", go))
    await settle()
    waiting.cancel()
    await settle()
    slots.give_back("interactive")
    assert order == []
    assert slots.take("interactive")


async def test_a_slot_that_comes_together_with_the_cancellation_is_given_on() -> None:
    slots, order, go = Slots(1), list[str](), asyncio.Event()
    assert slots.take("interactive")
    first = asyncio.create_task(hold(slots, "interactive", order, "first", go))
    second = asyncio.create_task(hold(slots, "interactive", order, "second", go))
    await settle()
    slots.give_back("interactive")  # the first one's turn came ...
    first.cancel()  # ... before it could notice
    await settle()
    assert order == ["second"]
    go.set()
    await second


async def test_a_cancelled_wait_that_was_passed_over_does_no_harm() -> None:
    slots = Slots(1)
    assert slots.take("interactive")
    waiting = asyncio.create_task(slots.wait("interactive"))
    await settle()
    waiting.cancel()
    slots.give_back("interactive")  # meets the cancelled one in the line
    await settle()
    assert waiting.cancelled()
    assert slots.take("interactive")


async def test_more_slots_wake_those_who_wait() -> None:
    slots, order, go = Slots(1), list[str](), asyncio.Event()
    assert slots.take("interactive")
    waiting = asyncio.create_task(hold(slots, "interactive", order, "one", go))
    await settle()
    slots.resize(2)
    await settle()
    assert order == ["one"]
    go.set()
    await waiting


@given(st.integers(1, 4), st.lists(st.sampled_from(["take-i", "take-b", "back-i", "back-b"]), max_size=60))
def test_there_are_never_more_calls_than_slots_nor_batch_in_the_last_one(size: int, acts: list[str]) -> None:
    slots, held = Slots(size), {"i": 0, "b": 0}
    for act in acts:
        verb, _, who = act.partition("-")
        lane: Lane = "interactive" if who == "i" else "batch"
        if verb == "take":
            held[who] += slots.take(lane)
        elif held[who]:
            slots.give_back(lane)
            held[who] -= 1
        assert held["i"] + held["b"] <= size
        assert held["b"] <= max(1, size - 1)
