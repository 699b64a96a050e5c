"""What nats-server does with a message that it gave out again while its first delivery was in hand."""

import asyncio

from servers import NatsServer, provisioned, until

from pipeline.layout import consumers
from pipeline.ports import Delivery

SILENCE_S = 0.5


async def test_the_ack_of_the_first_delivery_ends_the_message_for_all_that_followed(nats: NatsServer) -> None:
    link = await provisioned(nats, consumers(ack_wait_s=SILENCE_S))
    transport, taken, late = link.transport(), list[Delivery](), asyncio.Event()

    async def take(delivery: Delivery) -> None:
        taken.append(delivery)
        if delivery.delivered == 1:
            await late.wait()
            await delivery.ack()

    await transport.consume("plan", "interactive", take, 4)
    await transport.hand_over("interactive", "plan", b"one", "1")
    await until(lambda: len(taken) == 2)
    late.set()
    await asyncio.sleep(3 * SILENCE_S)
    assert [delivery.delivered for delivery in taken] == [1, 2]
    await transport.stop(1)
    await link.close()
