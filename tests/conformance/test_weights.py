"""What every store of weights promises, in memory and on a server."""

import asyncio
from collections.abc import Callable

from pipeline.adapters.weights import BucketWeights, dump_weights
from pipeline.ports import Link, Weights


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not holds():
            await asyncio.sleep(0.01)


async def test_without_published_weights_there_are_none(link: Link) -> None:
    store = BucketWeights(link.bucket("weights"))
    await store.start()
    assert store.current("chat") is None
    await store.stop()


async def test_weights_published_earlier_are_there_when_start_returns(link: Link) -> None:
    bucket = link.bucket("weights")
    await bucket.put("chat", dump_weights(4, [{"a": 0.25, "b": 0.75}, {"large": 1.0}], at=1.0, samples=10))
    store = BucketWeights(bucket)
    await store.start()
    assert store.current("chat") == Weights(4, ({"a": 0.25, "b": 0.75}, {"large": 1.0}))
    assert store.current("labels") is None
    await store.stop()


async def test_a_change_arrives_by_itself(link: Link) -> None:
    bucket = link.bucket("weights")
    store = BucketWeights(bucket)
    await store.start()
    await bucket.put("chat", dump_weights(1, [{"a": 1.0}], at=1.0, samples=10))
    await _until(lambda: store.current("chat") == Weights(1, ({"a": 1.0},)))
    await bucket.put("chat", dump_weights(2, [{"a": 0.5, "b": 0.5}], at=2.0, samples=20))
    await _until(lambda: store.current("chat") == Weights(2, ({"a": 0.5, "b": 0.5},)))
    await store.stop()


async def test_what_cannot_be_read_leaves_the_weights_as_they_were(link: Link) -> None:
    bucket = link.bucket("weights")
    await bucket.put("chat", dump_weights(1, [{"a": 1.0}], at=1.0, samples=10))
    store = BucketWeights(bucket)
    await store.start()
    await bucket.put("chat", b'{"version": 2, "tiers": [{"a": 7}], "at": 1.0}')
    await bucket.put("labels", dump_weights(1, [{"b": 1.0}], at=1.0, samples=10))
    await _until(lambda: store.current("labels") is not None)
    assert store.current("chat") == Weights(1, ({"a": 1.0},))
    await store.stop()
