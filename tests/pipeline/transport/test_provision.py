"""Provisioning: it makes what is missing, is content with what is there, and never destroys."""

import pytest
from servers import NatsServer, provisioned

from pipeline.errors import ProvisionRefused
from pipeline.layout import BUCKETS, OBJECT_BUCKETS, STREAMS, consumers
from pipeline.transport.nats import connect
from pipeline.transport.nats.provision import apply, compare


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
