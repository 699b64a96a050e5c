"""`stepwell confidence watch` and `reset` against a real server."""

import pytest
from desk import Desk
from servers import NatsServer

from pipeline.adapters.watch import BOOK_KEY, Book, Fallen, RouteWatch, route_key
from pipeline.cli import confidence
from pipeline.confidence.watch import Suspicion, Watched
from pipeline.ports import Link


@pytest.fixture
def desk(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(nats, monkeypatch, confidence)


async def _seen(link: Link) -> None:
    doubt = Suspicion().over([Watched(True, 0.02)] * 5)
    book = Book(records=5, routes={"faq": RouteWatch().with_suspicion("", doubt), "code": RouteWatch(index=0.31)})
    bucket = link.bucket("calibration")
    await bucket.put(BOOK_KEY, book.model_dump_json().encode())
    await bucket.put(route_key("faq"), Fallen(route="faq", seen=5, wrong=5).model_dump_json().encode())


def test_what_speaks_against_a_route_is_shown_and_taken_back(desk: Desk) -> None:
    desk.given(_seen)
    rows = desk.reads("confidence", "watch")
    code, faq = rows  # type: ignore[misc]
    assert (code["route"], code["drift"], code["state"]) == ("code", 0.31, "watched")
    assert (faq["labels"], faq["wrong"], faq["state"]) == (5, 5, "everything escalates")
    assert faq["evidence"] > 100
    assert "everything escalates: of 5 kept answers" in desk.types("confidence", "watch", "faq").output
    assert desk.types("confidence", "reset", "faq").exit_code == 0
    assert [row["route"] for row in desk.reads("confidence", "watch")] == ["code"]  # type: ignore[union-attr, call-overload, index]


def test_a_route_of_which_nothing_was_seen_is_said_to_be_so(desk: Desk) -> None:
    desk.given(_seen)
    assert desk.types("confidence", "reset", "nobody").exit_code != 0
    assert "nothing was seen" in desk.types("confidence", "watch", "nobody").output
