"""The first connection to NATS, and what is said when it does not come about."""

import asyncio
import logging
from pathlib import Path

import pytest
from servers import NatsServer, free_port, nats_server, provisioned

from pipeline.errors import NotRunning
from pipeline.ports import Delivery
from pipeline.settings import Settings
from pipeline.transport.nats import connect
from pipeline.transport.nats.pull import SILENT_S


async def test_without_a_server_one_sentence_names_the_address_and_the_remedy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    with pytest.raises(NotRunning, match=rf"no NATS server answers at {url}.*stepwell up"):
        await connect(Settings.from_environment({"STEPWELL_NATS": url}), name="test")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_wrong_credentials_are_called_wrong_and_not_a_missing_server(tmp_path: Path) -> None:
    config = tmp_path / "users.conf"
    config.write_text('authorization { users = [ {user: "plan", password: "right"} ] }')
    with nats_server(tmp_path / "store", config) as server:
        settings = server.settings(STEPWELL_NATS_USER="plan", STEPWELL_NATS_PASSWORD="wrong")
        with pytest.raises(NotRunning, match="does not accept plan: set STEPWELL_NATS_USER"):
            await connect(settings, name="test")


async def test_a_lost_connection_is_said_once_and_comes_back(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    link = await connect(nats.settings(), name="test")
    nats.kill()
    nats.start()
    async with asyncio.timeout(10):
        while not link.connected:
            await asyncio.sleep(0.02)
    broke = [record for record in caplog.records if "broke" in record.message]
    assert len(broke) <= 1
    await link.close()


async def test_closing_while_the_server_is_away_is_no_error(nats: NatsServer) -> None:
    link = await connect(nats.settings(), name="test")
    await link.serve("test", "1.0.0", {})
    nats.kill()
    async with asyncio.timeout(10):
        while link.connected:
            await asyncio.sleep(0.02)
    await link.close()


async def test_after_a_restart_of_the_server_work_is_asked_for_before_the_silence_is_noticed(nats: NatsServer) -> None:
    link = await provisioned(nats)
    transport, came = link.transport(), asyncio.Event()

    async def take(delivery: Delivery) -> None:
        await delivery.ack()
        came.set()

    await transport.consume("plan", "interactive", take, 4)
    nats.kill()
    nats.start()
    await transport.hand_over("interactive", "plan", b"x", "id-1")
    async with asyncio.timeout(SILENT_S - 3):
        await came.wait()
    await transport.stop(1)
    await link.close()
