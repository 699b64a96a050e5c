"""What watching came to, in the bucket: written, followed, and taken back."""

import asyncio

from pipeline.adapters.watch import (
    BOOK_KEY,
    Book,
    BucketWatch,
    Fallen,
    RouteWatch,
    parse_book,
    read_fallen,
    read_watch,
    reset_watch,
    route_key,
)
from pipeline.confidence.watch import Scores, Suspicion, Watched
from pipeline.transport.memory import MemoryLink

DOWN = Fallen(route="chat", calibrator="gate:1", seen=40, wrong=9, at=1.0)


def known() -> Book:
    doubt = Suspicion().over([Watched(True, 0.1), Watched(False, 0.1)])
    state = RouteWatch(calibrator="gate:1").with_suspicion("faq", doubt).with_scores(Scores().after(0.7))
    return Book(records=7, outcomes=3, routes={"chat": state, "other": RouteWatch()})


def test_what_is_written_is_read_again() -> None:
    book = parse_book(known().model_dump_json().encode())
    assert book == known()
    assert book.routes["chat"].suspicion("faq").seen == 2
    assert book.routes["chat"].suspicion("nobody") == Suspicion()


def test_what_cannot_be_read_begins_anew() -> None:
    assert parse_book(b"?") == Book()
    assert parse_book(None) == Book()


async def test_planning_knows_within_a_moment_which_routes_fell_back_and_which_do_not_any_more() -> None:
    bucket = MemoryLink().bucket("calibration")
    await bucket.put(BOOK_KEY, known().model_dump_json().encode())
    watch = BucketWatch(bucket, pause_s=0.01)
    await watch.start()
    try:
        assert watch.fallen("chat", "gate:1") is None
        await bucket.put(route_key("chat"), DOWN.model_dump_json().encode())
        while watch.fallen("chat", "gate:1") is None:
            await asyncio.sleep(0.001)
        assert "everything escalates" in (watch.fallen("chat", "gate:1") or "")
        assert watch.fallen("chat", "gate:2") is None, "another calibrator made another promise"
        assert watch.fallen("other", "gate:1") is None
        assert await reset_watch(bucket, "chat")
        while watch.fallen("chat", "gate:1") is not None:
            await asyncio.sleep(0.001)
    finally:
        await watch.stop()


async def test_a_reset_forgets_what_spoke_against_the_route_and_nothing_else() -> None:
    bucket = MemoryLink().bucket("calibration")
    await bucket.put(BOOK_KEY, known().model_dump_json().encode())
    await bucket.put(route_key("chat"), DOWN.model_dump_json().encode())
    assert await reset_watch(bucket, "chat")
    assert set(await read_watch(bucket)) == {"other"}
    assert await read_fallen(bucket, "chat") is None
    entry = await bucket.get(BOOK_KEY)
    assert entry is not None
    assert parse_book(entry.value).records == 7, "and counts nothing twice"
    assert not await reset_watch(bucket, "chat")
    assert not await reset_watch(bucket, "nobody")
