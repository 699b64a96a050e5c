"""Bodies too large for one message, on every way they take; in memory and on a server."""

import asyncio

import orjson
import pytest
from decisions import reply
from servers import until

from pipeline.adapters.results import StreamResults
from pipeline.contracts import Reply
from pipeline.errors import InvalidRequest, RequestTooLarge
from pipeline.ports import Conflict, Delivery, Link
from pipeline.topology import journal_subject, result_subject
from pipeline.transport.claims import INLINE, Claim, Claims, upload_name

LARGE = b'{"version":"1","x":"' + b"y" * 2_000_000 + b'"}'


@pytest.mark.parametrize("size", [INLINE, INLINE + 1, 4_000_000])
async def test_a_stage_gets_the_whole_body_whatever_its_size(link: Link, size: int) -> None:
    transport, taken = link.transport(), []

    async def take(delivery: Delivery) -> None:
        taken.append(delivery.body)
        await delivery.ack()

    await transport.consume("plan", "interactive", take, 4)
    assert await transport.hand_over("interactive", "plan", b"z" * size, "default.r1.1")
    await until(lambda: taken)
    assert taken == [b"z" * size]
    await transport.stop(1)


async def test_what_is_postponed_may_be_large(link: Link) -> None:
    transport, taken = link.transport(), []

    async def take(delivery: Delivery) -> None:
        taken.append(delivery.body)
        await delivery.ack()

    await transport.consume("draft", "batch", take, 4)
    await transport.postpone("batch", "draft", LARGE, "default.r1.4.1", 0.1)
    await until(lambda: taken)
    assert taken == [LARGE]
    await transport.stop(1)


async def test_a_body_that_is_gone_reaches_the_stage_as_the_reference_that_it_cannot_read(link: Link) -> None:
    transport, taken = link.transport(), []

    async def take(delivery: Delivery) -> None:
        taken.append(delivery.body)
        await delivery.ack()

    await transport.hand_over("interactive", "plan", LARGE, "default.r1.1")
    (name,) = [name async for name in link.objects("bodies").names()]
    await link.objects("bodies").delete(name)
    await transport.consume("plan", "interactive", take, 4)
    await until(lambda: taken)
    assert taken[0].startswith(b'{"claim":')
    await transport.stop(1)


async def test_large_results_are_stored_and_fetched_as_small_ones(link: Link) -> None:
    results = StreamResults(link.streams)
    first, second = reply(content="a" * 2_000_000), reply(content="b" * 2_000_000)
    assert await results.put(first) == first
    assert await results.put(second) == first
    assert await results.get("acme", "r1") == first
    scanned = [Reply.model_validate_json(stored.body) async for stored in link.streams.scan("RESULTS")]
    assert scanned == [first]


async def test_a_result_whose_body_is_gone_is_none(link: Link) -> None:
    results = StreamResults(link.streams)
    await results.put(reply(content="a" * 2_000_000))
    (name,) = [name async for name in link.objects("bodies").names()]
    await link.objects("bodies").delete(name)
    assert await results.get("acme", "r1") is None
    assert [stored async for stored in link.streams.scan("RESULTS")] == []


async def test_of_many_large_ones_at_once_one_counts(link: Link) -> None:
    subject = journal_subject("acme.r1", "draft-1")
    bodies = [b'{"n":%d,"x":"' % number + b"x" * 1_500_000 + b'"}' for number in range(3)]

    async def write(body: bytes) -> bool:
        try:
            await link.streams.append(subject, body, expected=0)
        except Conflict:
            return False
        return True

    counted = await asyncio.gather(*map(write, bodies))
    assert sum(counted) == 1
    stored = await link.streams.last(subject)
    assert stored is not None
    assert stored.body == bodies[counted.index(True)]


@pytest.mark.parametrize("subject", [result_subject("acme", "r1"), journal_subject("acme.r1", "draft-1")])
async def test_what_fits_into_a_message_is_stored_in_it(link: Link, subject: str) -> None:
    await link.streams.append(subject, b"x" * INLINE, expected=0)
    assert [name async for name in link.objects("bodies").names()] == []


# ---------------------------------------------------------------- what strangers send


async def uploaded(link: Link, tenant: str, where: str, body: bytes, **changes: object) -> bytes:
    claims = Claims(link.objects("bodies"))
    await link.objects("bodies").put(where, body)
    given = orjson.loads(Claim.of("", body).dump())["claim"] | {"name": where} | changes
    return await claims.uploaded(b'{"claim":' + orjson.dumps(given) + b"}", tenant, 3_000_000)


async def test_a_callers_own_body_is_fetched_and_verified(link: Link) -> None:
    assert await uploaded(link, "acme", upload_name("acme", "r1"), LARGE) == LARGE


OWN = upload_name("acme", "r1")
FOREIGN: list[tuple[str, dict[str, object]]] = [
    (upload_name("other", "r1"), {}),
    ("result.acme.r1.0123", {}),
    ("request.acme.", {}),
    ("request.acme.a.b", {}),
    (OWN, {"sha256": "0" * 64}),
    (OWN, {"size": 6}),
    (OWN, {"size": -1}),
    (OWN, {"size": True}),
    (OWN, {"size": "5"}),
    (OWN, {"sha256": None}),
    (OWN, {"name": "x" * 2000}),
    (OWN, {"name": upload_name("acme", "r2")}),
]


async def test_another_ones_or_another_body_is_refused(link: Link) -> None:
    for name, changes in FOREIGN:
        with pytest.raises(InvalidRequest) as raised:
            await uploaded(link, "acme", name, b"hello", **changes)
        assert raised.value.param == "claim"


async def test_more_than_may_be_is_not_even_fetched(link: Link) -> None:
    with pytest.raises(RequestTooLarge, match="3000000"):
        await uploaded(link, "acme", upload_name("acme", "r1"), b"x" * 3_000_001)


@pytest.mark.parametrize("said", [0, 5])
async def test_a_size_that_is_too_small_does_not_let_more_in(link: Link, said: int) -> None:
    with pytest.raises(InvalidRequest):
        await uploaded(link, "acme", upload_name("acme", "r1"), b"x" * 3_000_001, size=said)
