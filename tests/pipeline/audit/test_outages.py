"""The log on a server that is killed and comes back: what was confirmed is there, and the log verifies."""

import asyncio

import pytest
from decisions import fields
from servers import NatsServer, provisioned

from pipeline.adapters.clock import SystemClock
from pipeline.audit import ChainedAuditLog
from pipeline.audit.check import check
from pipeline.errors import TransportUnavailable
from pipeline.ports import AuditReference


@pytest.mark.slow
async def test_a_killed_server_costs_no_confirmed_record_and_leaves_a_log_that_verifies(nats: NatsServer) -> None:
    """Requests go on while the server is killed three times; each either has its record or was told to try again."""
    link = await provisioned(nats)
    log = ChainedAuditLog(link.streams, "p", SystemClock(), patience_s=2.0)
    confirmed: list[AuditReference] = []
    refused, stop = [], asyncio.Event()

    async def requests(name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                confirmed.append(await log.append(fields(f"{name}-{number}")))
            except TransportUnavailable:
                refused.append(f"{name}-{number}")

    working = [asyncio.create_task(requests(f"w{number}")) for number in range(16)]
    for _ in range(3):
        await asyncio.sleep(0.3)
        nats.kill()
        await asyncio.sleep(0.1)
        nats.start()
    before = len(confirmed)
    async with asyncio.timeout(60.0):
        while len(confirmed) < before + 50:
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*working)
    report = await check(link.streams)
    assert report.ok, report.findings[:5]
    for reference in confirmed:
        assert await link.streams.at("AUDIT", reference.sequence) is not None
    assert report.records >= len(confirmed) > 100
    await link.close()
