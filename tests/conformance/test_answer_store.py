"""One suite for every `ports.AnswerStore`: in memory, and in a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from clocks import FakeClock
from valkey_server import ValkeyServer

from pipeline.adapters.cache_answers import LANDED, WRONG, ValkeyAnswers
from pipeline.adapters.cache_memory import MemoryAnswers
from pipeline.errors import StoreUnavailable
from pipeline.ports import AnswerStore, Asked, Kept


@dataclass
class Subject:
    """A store, and how to let time pass for it."""

    store: AnswerStore
    wait: Callable[[float], Awaitable[None]]


@pytest.fixture(params=["memory", "valkey"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        clock = FakeClock()
        yield Subject(MemoryAnswers(clock), clock.pass_by)
        return
    server: ValkeyServer = request.getfixturevalue("valkey")
    store = ValkeyAnswers(server.url)
    await store._calls.command("FLUSHALL")
    yield Subject(store, asyncio.sleep)
    await store.close()


def kept(key: str = "k", value: bytes = b"value", ttl_s: float = 60, **more: object) -> Kept:
    return Kept(key, value, ttl_s, **more)  # type: ignore[arg-type]


async def test_what_is_kept_is_found(subject: Subject) -> None:
    assert await subject.store.keep(kept(value=b"\x00\xff"))

    assert await subject.store.get("k") == b"\x00\xff"
    assert await subject.store.many(["none", "k"]) == [None, b"\x00\xff"]
    assert await subject.store.many([]) == []


async def test_the_first_who_asks_leads_and_the_others_are_told_who_does(subject: Subject) -> None:
    store = subject.store

    assert await store.ask("k", "k", "one", 60) == Asked(None, "one")
    assert await store.ask("k", "k", "two", 60) == Asked(None, "one")
    assert await store.ask("k", "k", "one", 60) == Asked(None, "one")
    assert await store.ask("other", "other", "two", 60) == Asked(None, "two")


async def test_with_the_answer_the_lease_is_over(subject: Subject) -> None:
    store = subject.store
    await store.ask("k", "k", "one", 60)
    await store.keep(kept(ttl_s=0.05, lease="k"))

    assert await store.ask("k", "k", "two", 60) == Asked(b"value")
    await subject.wait(0.1)
    assert await store.ask("k", "k", "two", 60) == Asked(None, "two")


async def test_a_lease_that_nobody_renews_is_taken_over(subject: Subject) -> None:
    store = subject.store
    await store.ask("k", "k", "one", 0.1)

    assert await store.renew("k", "one", 0.3)
    assert not await store.renew("k", "two", 60)
    await subject.wait(0.15)
    assert (await store.ask("k", "k", "two", 60)).leader == "one"
    await subject.wait(0.3)
    assert (await store.ask("k", "k", "two", 60)).leader == "two"
    assert not await store.renew("k", "one", 60)


async def test_who_ends_without_an_answer_tells_the_others_for_a_while(subject: Subject) -> None:
    store = subject.store
    await store.ask("k", "k", "one", 60)

    await store.land("k", "two", 60)
    assert (await store.ask("k", "k", "two", 60)).leader == "one"
    await store.land("k", "one", 0.1)
    assert (await store.ask("k", "k", "two", 60)).leader == LANDED
    await subject.wait(0.15)
    assert (await store.ask("k", "k", "two", 60)).leader == "two"


async def test_a_group_is_erased_and_nothing_else(subject: Subject) -> None:
    store = subject.store
    for number in range(700):
        await store.keep(kept(f"a{number}", groups=("ada", "all"), asked_at=1.0))
    await store.keep(kept("b", groups=("bob", "all"), asked_at=1.0))
    assert [await store.count(group) for group in ("ada", "bob", "all", "nobody")] == [700, 1, 701, 0]

    assert await store.erase("ada", at=2.0) == 700

    assert await store.many(["a0", "a699", "b"]) == [None, None, b"value"]
    assert await store.count("ada") == 0
    assert await store.erase("ada", at=2.0) == 0


async def test_what_was_asked_for_before_its_group_was_erased_is_not_kept_afterwards(subject: Subject) -> None:
    store = subject.store
    await store.erase("ada", at=100.0)

    assert not await store.keep(kept("old", groups=("all", "ada"), asked_at=99.9))
    assert not await store.keep(kept("same", groups=("ada",), asked_at=100.0))
    assert await store.keep(kept("new", groups=("ada",), asked_at=100.1))
    assert await store.keep(kept("other", groups=("bob",), asked_at=1.0))
    assert await store.many(["old", "same", "new", "other"]) == [None, None, b"value", b"value"]


async def test_what_expired_is_no_longer_counted(subject: Subject) -> None:
    store = subject.store
    await store.keep(kept("brief", ttl_s=0.05, groups=("g",)))
    await store.keep(kept("long", groups=("g",)))
    await subject.wait(0.1)

    assert await store.count("g") == 1


async def test_a_list_gives_what_came_since_and_holds_the_newest_only(subject: Subject) -> None:
    store = subject.store
    for name in ("a", "b", "c"):
        await store.keep(kept(f"near:{name}", list_name="l", list_most=2))
        await subject.wait(0.001)

    both = await store.newer("l", 0)

    assert [name for name, _ in both] == ["near:b", "near:c"]
    assert await store.newer("l", both[0][1]) == both[1:]
    assert await store.newer("l", both[1][1]) == []
    assert await store.newer("other", 0) == []
    await store.keep(kept("near:b", list_name="l", list_most=2))
    assert [name for name, _ in await store.newer("l", both[1][1])] == ["near:b"]


async def test_answers_and_questions_are_counted(subject: Subject) -> None:
    store = subject.store
    await store.keep(kept("one", groups=("g",)))
    await store.keep(kept("near:one", groups=("g",), list_name="l", list_most=5))

    assert await store.size() == (1, 1)


async def test_the_floor_rises_above_wrong_hits_where_there_are_too_many(subject: Subject) -> None:
    store = subject.store
    assert await store.floor("f") is None
    for number in range(WRONG - 1):
        assert await store.wrong("f", f"e{number}", 0.8) is None
    assert await store.wrong("f", "e0", 0.8) is None, "an event counts once"

    assert await store.wrong("f", "last", 0.85) == pytest.approx(0.86)
    assert await store.floor("f") == pytest.approx(0.86)
    assert await store.floor("other") is None


async def test_a_few_wrong_hits_among_many_right_ones_teach_nothing(subject: Subject) -> None:
    store = subject.store
    for _ in range(WRONG * 100):
        await store.served("f")
    for number in range(WRONG):
        assert await store.wrong("f", f"e{number}", 0.8) is None
    assert await store.wrong("f", "one too many", 0.8) == pytest.approx(0.81)


async def test_the_floor_never_falls_nor_exceeds_one(subject: Subject) -> None:
    store = subject.store
    for number in range(2 * WRONG):
        await store.wrong("f", f"e{number}", 0.999 if number < WRONG else 0.5)

    assert await store.floor("f") == 1.0


async def test_a_valkey_that_is_not_there_is_unavailable() -> None:
    store = ValkeyAnswers("redis://127.0.0.1:1/0")
    for call in (store.get("k"), store.ask("k", "k", "w", 1), store.keep(kept()), store.erase("g", 1.0)):
        with pytest.raises(StoreUnavailable):
            await call
    await store.close()


async def test_a_server_that_forgot_its_scripts_is_told_them_again(valkey: ValkeyServer) -> None:
    store = ValkeyAnswers(valkey.url)
    await store.ask("s", "s", "one", 60)
    await store._calls.command("SCRIPT", "FLUSH")

    assert (await store.ask("s", "s", "two", 60)).leader == "one"
    await store.close()
