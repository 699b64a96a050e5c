"""Texts of many requests go through the encoder together, and none waits for nothing."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from pipeline.adapters.embedding.batches import Batches
from pipeline.adapters.embedding.minilm import Floats


class Encoder:
    """Remembers what came together; works when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, texts: Sequence[str]) -> Floats:
        self.batches.append(list(texts))
        self.free.wait(5)
        if "bad" in texts:
            raise ValueError("broken")
        return np.array([[len(text)] for text in texts], dtype=np.float32)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Encoder, Batches]]:
    encoder = Encoder()
    batches = Batches(encoder, largest=4)
    yield encoder, batches
    encoder.free.set()
    await batches.close()


async def test_what_comes_while_one_is_encoded_goes_together_next(pair: tuple[Encoder, Batches]) -> None:
    encoder, batches = pair
    encoder.free.clear()
    asked = [asyncio.create_task(batches.vector("a" * (1 + n))) for n in range(7)]
    await asyncio.sleep(0.05)
    encoder.free.set()

    vectors = await asyncio.gather(*asked)

    assert [vector[0] for vector in vectors] == [1, 2, 3, 4, 5, 6, 7]
    assert max(map(len, encoder.batches)) <= 4
    assert len(encoder.batches) < 7


async def test_the_same_text_is_encoded_once(pair: tuple[Encoder, Batches]) -> None:
    encoder, batches = pair
    await asyncio.gather(*(batches.vector("same") for _ in range(20)))
    await batches.vector("same")

    assert encoder.batches == [["same"]]


async def test_one_who_stops_waiting_stops_alone(pair: tuple[Encoder, Batches]) -> None:
    encoder, batches = pair
    encoder.free.clear()
    one, other = asyncio.create_task(batches.vector("t")), asyncio.create_task(batches.vector("t"))
    await asyncio.sleep(0.02)
    one.cancel()
    encoder.free.set()

    assert (await other)[0] == 1


async def test_a_failure_reaches_those_who_asked_and_the_next_batch_works(pair: tuple[Encoder, Batches]) -> None:
    _, batches = pair
    with pytest.raises(ValueError, match="broken"):
        await batches.vector("bad")

    assert (await batches.vector("good"))[0] == 4
