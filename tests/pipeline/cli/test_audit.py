"""`stepwell audit` against a real server."""

from collections.abc import AsyncIterator

import pytest
from clocks import FakeClock
from decisions import fields, reply, write_log
from desk import Desk
from rich.console import Console
from servers import NatsServer

from pipeline.adapters.results import StreamResults
from pipeline.audit import ChainedAuditLog, Receipt
from pipeline.batch.kept import KeptReplies
from pipeline.cli import audit, show
from pipeline.ports import Link


@pytest.fixture
def desk(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(nats, monkeypatch, audit)


async def _log_of_three(link: Link) -> None:
    for number, reference in enumerate(await write_log(link.streams, 3)):
        receipt = {
            "audit_id": reference.audit_id,
            "audit_sequence": reference.sequence,
            "audit_sha256": reference.digest,
        }
        await StreamResults(link.streams).put(reply(f"r{number}", **receipt))


def test_a_request_is_explained(desk: Desk) -> None:
    desk.given(_log_of_three)
    shown = desk.types("audit", "show", "r1", "--tenant", "acme")
    assert shown.exit_code == 0, shown.output
    shown_json = desk.reads("audit", "show", "r1", "--tenant", "acme")
    assert isinstance(shown_json, dict)
    assert (shown_json["sequence"], shown_json["record"]["request_id"]) == (2, "r1")


@pytest.mark.parametrize(("named", "counts"), [(1, 1), (2, 2), (None, 3)])
def test_of_several_records_the_one_that_the_reply_names_counts_else_the_last_and_the_others_are_listed(
    desk: Desk, named: int | None, counts: int
) -> None:
    """Of a request that was worked on again after a stall."""

    async def repeated(link: Link) -> None:
        log = ChainedAuditLog(link.streams, "p", FakeClock())
        for number in range(3):
            reference = await log.append(fields("r1"))
            receipt = {"audit_id": reference.audit_id, "audit_sequence": reference.sequence}
            if number + 1 == named:
                await StreamResults(link.streams).put(reply("r1", **receipt))
        await log.append(fields("r10"))

    desk.given(repeated)
    found = desk.reads("audit", "show", "r1", "--tenant", "acme")
    assert isinstance(found, dict)
    others = [place for place in (1, 2, 3) if place != counts]
    assert found["sequence"] == counts
    assert [each["sequence"] for each in found["repeats"]] == others
    shown = desk.types("audit", "show", "r1", "--tenant", "acme").output
    assert f"at place {counts} of the log" in shown
    for place in others:
        assert f"record p.{place - 1} at place {place}: answered" in shown
    assert "r10" not in shown


def test_a_record_is_shown_by_its_own_name_too(desk: Desk) -> None:
    """As `x-stepwell-audit-id` says it."""
    desk.given(_log_of_three)
    shown = desk.reads("audit", "show", "p.2", "--tenant", "acme")
    assert isinstance(shown, dict)
    assert (shown["record"]["request_id"], shown["repeats"]) == ("r2", [])
    missing = desk.types("audit", "show", "p.7", "--tenant", "acme")
    assert missing.exit_code == 1
    assert "not_found: the log has no record of a decision p.7" in missing.stderr


def test_a_request_without_a_record_is_one_sentence_and_exit_code_1(desk: Desk) -> None:
    desk.given(_log_of_three)
    shown = desk.types("audit", "show", "r1", "--tenant", "other")
    assert shown.exit_code == 1
    assert "not_found: the log has no record of request r1 of tenant other" in shown.stderr


def test_the_newest_decisions_are_listed(desk: Desk) -> None:
    desk.given(_log_of_three)
    rows = desk.reads("audit", "list", "--last", "2")
    assert isinstance(rows, list)
    assert [row["request"] for row in rows] == ["r1", "r2"]
    assert desk.types("audit", "list").exit_code == 0


async def _reveal_in(link: Link) -> None:
    log = ChainedAuditLog(link.streams, "desk", FakeClock())
    asked = {"token": "<PERSON_K7QM2>", "who": "bram", "why": "complaint 4711 \x1b[2J", "outcome": "revealed"}
    await log.append(
        {"version": "1.0", "kind": "reveal", "at": 1.0, "tenant": "acme", "conversation": "c" * 32, **asked}
    )
    await log.close()


def test_a_reveal_is_listed_with_its_token_who_asked_and_why(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.given(_log_of_three, _reveal_in)
    terminal = Console(width=80, record=True)
    monkeypatch.setattr(show, "console", terminal)
    assert desk.types("audit", "list").exit_code == 0
    drawn = terminal.export_text()
    (line,) = [line for line in drawn.splitlines() if "K7QM2" in line]
    assert "<PERSON_K7QM2>" in line
    assert "asked by bram: complaint 4711" in line
    assert "\x1b" not in drawn
    assert "r1" in drawn
    assert "by " in drawn


def test_a_whole_log_is_verified_with_exit_code_0(desk: Desk) -> None:
    desk.given(_log_of_three)
    report = desk.reads("audit", "verify")
    assert isinstance(report, dict)
    assert (report["ok"], report["records"], report["receipts"]) == (True, 3, 3)
    assert "verified" in desk.types("audit", "verify").output


def test_a_reply_that_stands_in_a_settled_page_too_is_told_as_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a batch runs; that its replies are more than the records would be an alarm."""

    async def pages(_: KeptReplies) -> AsyncIterator[Receipt]:
        yield Receipt("acme", "r1", "p.1", 2)

    monkeypatch.setattr(KeptReplies, "receipts", pages)
    desk.given(_log_of_three)
    report = desk.reads("audit", "verify")
    assert isinstance(report, dict)
    assert (report["records"], report["receipts"], report["twice"]) == (3, 3, 1)
    said = " ".join(desk.types("audit", "verify").output.split())
    assert "3 records in 1 chains, 3 replies (1 also in settled pages of their batches)" in said


def test_a_log_with_a_fork_is_told_with_exit_code_1(desk: Desk) -> None:
    async def forked(link: Link) -> None:
        stored = await link.streams.at("AUDIT", 3)
        assert stored is not None
        await link.streams.append(stored.subject, stored.body.replace(b'"status":"answered"', b'"status":"refused"'))

    desk.given(_log_of_three, forked)
    report = desk.reads("audit", "verify", code=1)
    assert isinstance(report, dict)
    assert [(found["n"], found["sequence"], found["problem"]) for found in report["findings"]] == [(2, 4, "fork")]
    result = desk.types("audit", "verify")
    assert result.exit_code == 1
    assert "fork" in result.output


def test_without_a_server_the_error_is_one_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_NATS", "nats://127.0.0.1:1")
    result = desk.types("audit", "verify")
    assert result.exit_code == 1
    assert result.stderr.startswith("not_running: ")
