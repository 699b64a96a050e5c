"""`stepwell outcome` and `stepwell weights` against a real server."""

import pytest
from desk import Desk
from servers import NatsServer

from pipeline.adapters.results import StreamResults
from pipeline.adapters.weights import dump_weights
from pipeline.cli import outcome
from pipeline.contracts import Reply
from pipeline.experiments.outcomes import TALLY_KEY, Tally, dump_tally
from pipeline.ports import Link


@pytest.fixture
def desk(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(nats, monkeypatch, outcome)


def test_an_outcome_counts_once_for_each_kind(desk: Desk) -> None:
    desk.given()
    said = [
        desk.reads("outcome", "r1", "1"),
        desk.reads("outcome", "r1", "0"),
        desk.reads("outcome", "r1", "1", "--kind", "csat"),
    ]
    assert [each["recorded"] for each in said if isinstance(each, dict)] == [True, False, True]
    assert "it is known already" in desk.types("outcome", "r1", "1").output


def test_an_outcome_of_a_request_that_nobody_knows_is_kept_and_said_to_be_of_none(desk: Desk) -> None:
    """Replies are gone after a day, and outcomes come later than that; a slip of the fingers looks the same."""

    async def replied(link: Link) -> None:
        reply = Reply(id="r1", tenant="default", status="answered", policy_revision="p", fingerprint="f")
        await StreamResults(link.streams).put(reply)

    desk.given(replied)
    known, unknown = desk.types("outcome", "r1", "1"), desk.types("outcome", "r2", "1")
    assert (known.exit_code, known.stderr, known.stdout) == (0, "", "recorded\n")
    assert (unknown.exit_code, unknown.stderr) == (0, "")
    (sentence,) = unknown.stdout.splitlines()
    assert sentence.startswith("recorded; no reply to r2 of tenant default is kept yet, or any more: ")
    (again,) = desk.types("outcome", "r2", "1").stdout.splitlines()
    assert again.startswith("nothing was changed: it is known already; no reply to r2")
    said = desk.reads("outcome", "r3", "1")
    assert isinstance(said, dict)
    assert (said["recorded"], said["reply_known"]) == (True, False)


@pytest.mark.parametrize("words", [("r 1", "1"), ("r1", "1", "--kind", "a.b"), ("r1", "1", "--tenant", "*")])
def test_an_outcome_with_a_name_that_cannot_be_one_is_refused(desk: Desk, words: tuple[str, ...]) -> None:
    result = desk.types("outcome", *words)
    assert result.exit_code == 1
    assert "invalid_request" in result.stderr


def test_weights_are_shown_with_the_evidence_behind_them(desk: Desk) -> None:
    async def learned(link: Link) -> None:
        await link.bucket("weights").put("chat", dump_weights(2, [{"a": 0.9, "b": 0.1}], at=1.0, samples=4))
        tally = Tally(applied=9, arms={"chat": [{"a": (3.0, 1.0)}], "labels": [{"c": (1.0, 0.0)}]}, counted=5)
        await link.bucket("experiments").put(TALLY_KEY, dump_tally(tally))

    desk.given(learned)
    shown = desk.reads("weights", "show")
    assert isinstance(shown, dict)
    rows = [(row["route"], row["version"], row["variant"], row["weight"], row["good"]) for row in shown["weights"]]
    assert rows == [("chat", 2, "a", 0.9, 3.0), ("chat", 2, "b", 0.1, 0.0), ("labels", 0, "c", None, 1.0)]
    assert (shown["counted"], shown["applied"]) == (5, 9)
    assert "5 counted" in desk.types("weights", "show").output
