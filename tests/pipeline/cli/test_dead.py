"""`stepwell dead` against a real server."""

from base64 import b64encode

import pytest
from decisions import Unsteady, envelope
from desk import Desk
from servers import NatsServer

from pipeline.cli import dead
from pipeline.contracts import DeadLetter, Envelope, ErrorBody
from pipeline.ports import Link
from pipeline.topology import dead_subject


@pytest.fixture
def desk(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(nats, monkeypatch, dead)


def _letter(letter_id: str, body: bytes, stage: str = "draft") -> DeadLetter:
    reason = ErrorBody(code="internal", message="a defect in Stepwell (KeyError); see the worker's log")
    return DeadLetter.model_validate(
        {
            "id": letter_id,
            "stage": stage,
            "lane": "interactive",
            "subject": f"step.interactive.{stage}",
            "attempts": 5,
            "reason": reason,
            "request_id": "r1",
            "tenant": "acme",
            "at": 1_700_000_000.0,
            "worker": "w1",
            "envelope": b64encode(body).decode(),
        }
    )


async def _bury(link: Link) -> None:
    waiting = envelope("r1").model_dump_json(exclude_none=True).encode()
    for letter in (_letter("r1-draft-5", waiting), _letter("r2-check-5", b"no envelope", "check")):
        await link.streams.append(dead_subject(letter.stage), letter.model_dump_json().encode())
    await link.streams.append(dead_subject("plan"), b"not even a letter")


def _ids(desk: Desk) -> list[str]:
    rows = desk.reads("dead", "list")
    assert isinstance(rows, list)
    return [row["id"] for row in rows]


def test_dead_letters_are_listed_also_one_that_is_damaged_itself(desk: Desk) -> None:
    desk.given(_bury)
    assert _ids(desk) == ["r1-draft-5", "r2-check-5", "damaged-3"]
    only = desk.reads("dead", "list", "--stage", "check")
    assert isinstance(only, list)
    assert [row["id"] for row in only] == ["r2-check-5"]


def test_the_text_of_the_request_is_shown_only_when_asked_for(desk: Desk) -> None:
    desk.given(_bury)
    assert "Odalys" not in desk.types("dead", "show", "r1-draft-5").output
    shown = desk.reads("dead", "show", "1", "--envelope")
    assert isinstance(shown, dict)
    assert "Odalys" in shown["envelope"]["request"]["input"]


def test_a_retried_letter_waits_in_its_queue_with_a_fresh_deadline_and_is_gone(desk: Desk) -> None:
    desk.given(_bury)
    result = desk.types("dead", "retry", "r1-draft-5")
    assert result.exit_code == 0, result.output
    assert _ids(desk) == ["r2-check-5", "damaged-3"]
    found: list[Envelope] = []

    async def look(link: Link) -> None:
        stored = await link.streams.last("step.interactive.draft")
        assert stored is not None
        found.append(Envelope.model_validate_json(stored.body))

    desk.given(look)
    assert found[0].id == "r1"
    assert found[0].deadline_at > 1_700_000_000.0, "the deadline of the sample, 1100, has passed long ago"


def test_a_retry_that_is_repeated_before_the_letter_was_removed_queues_the_message_once(desk: Desk) -> None:
    """Whoever retries may die between putting the message back and removing the letter."""
    counted: list[int] = []

    class Dying(Unsteady):
        async def delete(self, stream: str, sequence: int) -> bool:
            return False

    async def twice(link: Link) -> None:
        letter, stored = (await dead.letters(link.streams))[0]
        await dead.retry(Dying(link.streams), letter, stored, 5.0)
        await dead.retry(link.streams, letter, stored, 5.0)
        counted.append(len([stored async for stored in link.streams.scan("STEPS")]))
        counted.append(len(await dead.letters(link.streams)))

    desk.given(_bury, twice)
    assert counted == [1, 2]


def test_a_damaged_letter_can_only_be_dropped(desk: Desk) -> None:
    desk.given(_bury)
    result = desk.types("dead", "retry", "damaged-3")
    assert result.exit_code == 1
    assert "can only be dropped" in result.stderr
    assert desk.types("dead", "drop", "damaged-3", "--yes").exit_code == 0
    assert _ids(desk) == ["r1-draft-5", "r2-check-5"]


def test_dropping_asks_first(desk: Desk) -> None:
    desk.given(_bury)
    assert desk.types("dead", "drop", "--all").exit_code == 1
    assert len(_ids(desk)) == 3


@pytest.mark.parametrize(
    ("words", "said"), [(("retry",), "no dead letter was named"), (("show", "x"), "there is no dead letter x")]
)
def test_a_letter_that_was_not_named_or_is_not_there_is_one_sentence(
    desk: Desk, words: tuple[str, ...], said: str
) -> None:
    desk.given(_bury)
    result = desk.types("dead", *words)
    assert result.exit_code == 1
    assert said in result.stderr


async def _bury_withheld(link: Link) -> None:
    letter = _letter("r3-draft-5", b"").model_copy(update={"withheld": "restricted data is not kept here"})
    await link.streams.append(dead_subject("draft"), letter.model_dump_json().encode())


def test_a_letter_whose_message_was_not_kept_says_so_when_it_is_tried_again(desk: Desk) -> None:
    desk.given(_bury_withheld)
    result = desk.types("dead", "retry", "r3-draft-5")
    assert result.exit_code != 0
    told = " ".join(result.output.split())
    assert "was not kept (restricted data is not kept here)" in told
    assert "its caller has to ask again" in told
