"""Provisioning: it makes what is missing, is content with what is there, and never destroys."""

import contextlib
from pathlib import Path

import pytest
from nats.aio.client import ServerVersion
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StreamConfig
from servers import NatsServer, nats_server, provisioned, until

from pipeline.errors import ProvisionRefused, TransportUnavailable
from pipeline.layout import BUCKETS, OBJECT_BUCKETS, STREAMS, consumers
from pipeline.ports import Delivery
from pipeline.transport.nats import NatsLink, connect
from pipeline.transport.nats.provision import apply, check_server, compare


async def test_on_an_empty_server_everything_is_created_and_the_second_time_nothing(nats: NatsServer) -> None:
    link = await connect(nats.settings(), name="test")
    wanted = consumers(batch=3)
    first = await compare(link, wanted)
    assert {change.action for change in first} == {"create"}
    assert len(first) == len(STREAMS) + len(wanted) + len(BUCKETS) + len(OBJECT_BUCKETS)
    await apply(link, first, wanted)
    assert {change.action for change in await compare(link, wanted)} == {"keep"}
    await link.close()


async def test_another_number_of_model_slots_updates_the_batch_consumers_only(nats: NatsServer) -> None:
    link = await provisioned(nats, consumers(batch=3))
    wanted = consumers(batch=5)
    changes = [change for change in await compare(link, wanted) if change.action != "keep"]
    assert {change.name.partition("-")[0] for change in changes} == {"batch"}
    assert all(change.details == ("max_ack_pending: 3 -> 5",) for change in changes)
    await apply(link, changes, wanted)
    info = await link.jetstream.consumer_info("STEPS", "batch-draft")
    assert info.config.max_ack_pending == 5
    await link.close()


async def test_a_server_of_before_is_brought_up_to_date_with_the_work_that_waits_on_it(nats: NatsServer) -> None:
    """Streams that were made before messages could be kept for later, and before there was a ledger."""
    link = await connect(nats.settings(), name="test")
    before = StreamConfig(
        name="STEPS", subjects=["step.>"], retention=RetentionPolicy.WORK_QUEUE, discard=DiscardPolicy.NEW
    )
    await link.jetstream.add_stream(before)
    await link.streams.append("step.batch.plan", b"waiting")
    changes = {change.name: change for change in await compare(link, consumers())}
    assert changes["LEDGER"].action == "create"
    assert changes["STEPS"].action == "update"
    assert {"discard: new -> old", "allow_msg_schedules: None -> True"} <= set(changes["STEPS"].details)
    await apply(link, list(changes.values()), consumers())
    assert {change.action for change in await compare(link, consumers())} == {"keep"}
    assert [stored.body async for stored in link.streams.scan("STEPS")] == [b"waiting"]
    assert await link.transport().postpone("batch", "plan", b"later", "id-1", 60)
    await link.close()


async def test_a_limit_that_would_drop_accepted_requests_is_taken_away(nats: NatsServer) -> None:
    link = await provisioned(nats)
    config = (await link.jetstream.stream_info("STEPS")).config
    config.max_bytes = 1_000_000
    await link.jetstream.update_stream(config)
    (change,) = [change for change in await compare(link, consumers(ack_wait_s=1.0)) if change.action != "keep"]
    assert (change.name, change.details) == ("STEPS", ("max_bytes: 1000000 -> None",))
    await apply(link, [change], ())
    assert (await link.jetstream.stream_info("STEPS")).config.max_bytes == -1
    await link.close()


async def test_a_full_disk_refuses_new_work_and_drops_none(tmp_path: Path) -> None:
    """Messages for later need the policy to drop the oldest; without a limit of the stream it never does."""
    config = tmp_path / "small.conf"
    config.write_text("jetstream { max_file_store: 8MB }")
    with nats_server(tmp_path / "store", config) as server:
        link = await provisioned(server)
        stored = await _fill(link)
        kept = [found async for found in link.streams.scan("STEPS")]
        assert len(kept) == stored
        assert [found.sequence for found in kept] == list(range(1, stored + 1))
        await link.close()


async def _fill(link: NatsLink) -> int:
    """Store until the server refuses; return how many messages it confirmed."""
    for stored in range(64):
        if not await _stores(link):
            return stored
    raise AssertionError("the disk never filled")


async def _stores(link: NatsLink) -> bool:
    try:
        await link.streams.append("step.batch.plan", bytes(500_000))
    except TransportUnavailable:
        return False
    return True


async def test_a_stream_that_keeps_nothing_for_later_says_what_to_do(nats: NatsServer) -> None:
    link = await connect(nats.settings(), name="test")
    await link.jetstream.add_stream(StreamConfig(name="STEPS", subjects=["step.>"]))
    with pytest.raises(TransportUnavailable, match="run `stepwell provision`"):
        await link.transport().postpone("batch", "plan", b"later", "id-1", 60)
    await link.close()


@pytest.mark.parametrize(("version", "old"), [("2.11.9", True), ("2.12.0", False), ("2.15.1", False), ("3.0.0", False)])
async def test_a_server_that_would_forget_what_is_kept_for_later_is_not_provisioned(version: str, old: bool) -> None:
    with pytest.raises(ProvisionRefused, match="too old") if old else contextlib.nullcontext():
        check_server(ServerVersion(version))


async def test_what_would_destroy_is_refused_and_nothing_else_is_done_either(nats: NatsServer) -> None:
    link = await provisioned(nats)
    config = (await link.jetstream.stream_info("RESULTS")).config
    config.max_age = 90 * 86_400.0
    await link.jetstream.update_stream(config)
    await link.jetstream.delete_consumer("STEPS", "batch-draft")
    changes = await compare(link, consumers())
    assert [
        (change.name, change.action) for change in changes if change.kind == "stream" and change.action != "keep"
    ] == [("RESULTS", "refuse")]
    with pytest.raises(ProvisionRefused, match="RESULTS: a shorter age would delete messages"):
        await apply(link, changes, consumers())
    assert not [info for info in await link.jetstream.consumers_info("STEPS") if info.name == "batch-draft"]
    await link.close()


async def test_the_audit_stream_cannot_be_purged_nor_robbed_of_a_message(nats: NatsServer) -> None:
    link = await provisioned(nats)
    stored = await link.streams.append("audit.default.decision", b"kept")
    for attempt in (link.jetstream.purge_stream("AUDIT"), link.jetstream.delete_msg("AUDIT", stored.sequence)):
        with pytest.raises(Exception, match="not permitted"):
            await attempt
    assert await link.streams.at("AUDIT", stored.sequence) is not None
    await link.close()


async def test_a_server_from_before_the_rows_gets_them_and_hands_out_what_waits_on_it(nats: NatsServer) -> None:
    """Also what a worker handed in whose server did not know them yet."""
    link = await connect(nats.settings(), name="test")
    wanted = consumers()
    before = [change for change in await compare(link, wanted) if change.kind != "consumer"]
    await apply(link, before, ())
    old = ConsumerConfig(
        durable_name="interactive-draft",
        filter_subject="step.interactive.draft",
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=10.0,
        max_ack_pending=1000,
    )
    await link.jetstream.add_consumer("STEPS", old)
    await link.streams.append("step.interactive.draft", b"waits")
    transport, taken = link.transport(), []
    await transport.hand_over("interactive", "draft", b"early", "shop.r1.0", row=0)
    await transport.hand_over("interactive", "draft", b"early, behind", "shop.r2.0", row=3)
    changes = {change.name: change for change in await compare(link, wanted)}
    assert changes["interactive-draft"].action == "update"
    assert changes["interactive-draft-3"].action == "create"
    await apply(link, list(changes.values()), wanted)
    assert {change.action for change in await compare(link, wanted)} == {"keep"}

    async def take(delivery: Delivery) -> None:
        taken.append(delivery.body)
        await delivery.ack()

    await transport.consume("draft", "interactive", take, 4)
    await until(lambda: len(taken) == 3)
    assert set(taken) == {b"waits", b"early", b"early, behind"}
    await transport.stop(1)
    await link.close()


async def test_a_worker_says_which_rows_nobody_hands_out(nats: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    link = await connect(nats.settings(), name="test")
    transport = link.transport()

    async def take(delivery: Delivery) -> None:
        await delivery.ack()

    await transport.consume("draft", "interactive", take, 4)
    await until(lambda: "nobody hands out interactive-draft-3: where that lasts, run" in caplog.text)
    await transport.stop(1)
    await link.close()
