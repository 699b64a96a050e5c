"""The doctor says when nobody takes the work of a lane."""

import pytest
from servers import NatsServer, provisioned

from pipeline.contracts import Lane
from pipeline.embedded.doctor.lanes import lanes
from pipeline.ports import Delivery
from pipeline.topology import FIRST, LANES
from pipeline.transport.nats import connect


async def _hold(delivery: Delivery) -> None:
    await delivery.ack()


@pytest.mark.parametrize(
    ("served", "condition", "words"),
    [
        (LANES, "good", "both lanes"),
        (("interactive",), "attention", "the batch lane"),
        (("batch",), "attention", "the interactive lane"),
        ((), "problem", "any work"),
    ],
)
async def test_a_lane_that_nobody_serves_is_named_with_what_to_start(
    nats: NatsServer, served: tuple[Lane, ...], condition: str, words: str
) -> None:
    link = await provisioned(nats)
    transport = link.transport()
    for lane in served:
        await transport.consume(FIRST, lane, _hold, 4)
    await link.client.flush()
    (found,) = await lanes(nats.settings())
    assert (found.what, found.condition) == ("lanes", condition)
    assert words in found.sentence
    assert (found.advice is None) == (condition == "good")
    assert found.advice is None or found.advice.startswith("start a worker: stepwell worker")
    await transport.stop(0)
    await link.close()


async def test_nothing_is_said_of_lanes_where_nothing_is_provisioned_or_nothing_runs(nats: NatsServer) -> None:
    await (await connect(nats.settings(), name="test")).close()
    assert await lanes(nats.settings()) == ()
    nats.kill()
    assert await lanes(nats.settings()) == ()
