"""Boards that share over a real Valkey, which is killed, paused and started again."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from cascade import FakeClock
from fakes_board import FakeView
from fakes_models import policy, target
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.board import TargetBoard
from pipeline.adapters.board_sights import Sight
from pipeline.adapters.board_valkey import PREFIX, ValkeySights
from pipeline.errors import StoreUnavailable
from pipeline.policy.source import FixedPolicy

POLICIES = FixedPolicy(policy({"near": target("near-m")}))


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest.fixture
async def stores(valkey: ValkeyServer) -> AsyncIterator[tuple[ValkeySights, ValkeySights]]:
    both = ValkeySights(valkey.url), ValkeySights(valkey.url)
    yield both
    for store in both:
        await store.close()


async def test_what_one_worker_leaves_the_other_gets(stores: tuple[ValkeySights, ValkeySights]) -> None:
    first, second = stores
    await first.exchange("a", b"what a sees")
    assert await second.exchange("b", b"what b sees") == {"a": b"what a sees", "b": b"what b sees"}
    await second.forget(["a"])
    assert await second.exchange("b", b"x") == {"b": b"x"}


async def test_figures_of_an_hour_add_up(stores: tuple[ValkeySights, ValkeySights]) -> None:
    first, second = stores
    await first.add(7, {"chat\x1fdrafts": 1.0, "chat\x1fdraft_usd": 0.25})
    await second.add(7, {"chat\x1fdrafts": 2.0})
    assert await first.read([7, 8]) == {7: {"chat\x1fdrafts": 3.0, "chat\x1fdraft_usd": 0.25}}


async def test_all_that_is_left_there_expires(stores: tuple[ValkeySights, ValkeySights]) -> None:
    store, _ = stores
    await store.exchange("a", b"x")
    await store.add(7, {"x": 1.0})
    assert 0 < await store._client.pttl(f"{PREFIX}workers") <= 60_000
    assert 0 < await store._client.ttl(f"{PREFIX}hour:7") <= 26 * 3600


async def test_workers_share_a_breaker_lose_the_store_and_find_each_other_again(
    valkey: ValkeyServer, stores: tuple[ValkeySights, ValkeySights]
) -> None:
    clock = FakeClock()
    first, second = (TargetBoard(POLICIES, clock, name, store) for name, store in zip("ab", stores, strict=True))
    first.attach(FakeView({"near": Sight(opened_at=clock.time, open_until=clock.time + 1000.0, level=1)}))
    second.attach(FakeView())
    await first.exchange()
    await second.exchange()
    assert not second.healthy("near")

    valkey.kill()
    clock.time += 10.0
    await second.exchange()
    await first.exchange()
    assert second.healthy("near"), "nobody says so any more"
    assert not first.healthy("near"), "it knows it by itself"

    valkey.start()
    async with asyncio.timeout(5):
        while second.healthy("near"):
            await first.exchange()
            await second.exchange()


async def test_a_store_that_hangs_is_given_up_within_its_patience(
    valkey: ValkeyServer, stores: tuple[ValkeySights, ValkeySights]
) -> None:
    store, _ = stores
    await store.exchange("a", b"x")
    valkey.pause()
    try:
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable) as caught:
            await store.exchange("a", b"x")
        assert time.monotonic() - begun < 5.0
        assert "127.0.0.1" not in caught.value.message
    finally:
        valkey.resume()
