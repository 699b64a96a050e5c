"""The scan process may die, hang or answer late; the caller always gets a report."""

import asyncio
import logging
import os
from pathlib import Path

import psutil
import pytest
from fakes_pii import ECHO, child
from scan_child import scanner, until

from pipeline.adapters.pii import ProcessScanner, Span
from pipeline.contracts import Finding, Mark

ABSENT = "the scan process is not there"
CROWDED = "too many texts are waiting"


async def test_spans_come_back_for_the_units_they_belong_to(tmp_path: Path) -> None:
    async with scanner(tmp_path) as process:
        scanned = await process.scanned(["abc", "", "x"], names=False)
    assert [unit.spans for unit in scanned] == [(Span("SEEN", 0, 3, 0.9),), (), (Span("SEEN", 0, 1, 0.9),)]


async def test_a_report_adds_the_units_up_says_where_things_stand_and_names_the_engine(tmp_path: Path) -> None:
    async with scanner(tmp_path) as process:
        report = await process.scan(["abc", "", "x"], names=True)
    assert report.findings == (Finding(type="SEEN", count=2, score=0.9),)
    assert report.marks == (Mark(0, 0, 3, "SEEN", 0.9), Mark(2, 0, 1, "SEEN", 0.9))
    assert (report.engine, report.scan) == ("echo-1", "complete")
    assert (report.names_covered, report.languages) == (True, ("en",))


async def test_starting_does_not_wait_for_the_child(tmp_path: Path) -> None:
    async with scanner(tmp_path, "time.sleep(60)") as process:
        async with asyncio.timeout(0.5):
            process.start()
            await asyncio.sleep(0)
        assert not process.ready


async def test_many_requests_may_be_in_flight(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=5.0) as process:
        reports = await asyncio.gather(*(process.scan(["a" * n], names=False) for n in range(1, 40)))
    assert [report.marks[0].end for report in reports] == list(range(1, 40))


async def test_a_child_that_dies_is_replaced(tmp_path: Path) -> None:
    async with scanner(tmp_path) as process:
        assert (await process.scan(["die"], names=False)).reason == "the scan process ended"
        assert (await process.scan(["again"], names=False)).scan == "complete"


async def test_the_time_that_a_scan_waits_for_others_is_not_its_own(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=0.4) as process:
        await process.scan(["warm"], names=False)
        reports = await asyncio.gather(*(process.scan(["slow"], names=False) for _ in range(8)))
        assert {report.scan for report in reports} == {"complete"}
        assert process.restarts == 0


async def test_who_waits_for_too_long_is_told_that_there_is_too_much_to_do(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=0.3, wait_s=0.2) as process:
        await process.scan(["warm"], names=False)
        reports = await asyncio.gather(*(process.scan(["slow"], names=False) for _ in range(8)))
        assert (reports[0].scan, reports[7].scan, reports[7].reason) == ("complete", "failed", CROWDED)
        await until(lambda: not process.in_flight)
        assert process.restarts == 0


async def test_more_text_than_may_wait_is_not_taken(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=5.0) as process:
        await process.scan(["warm"], names=False)
        first = asyncio.create_task(process.scan(["slow", "a" * 20 * 2**20], names=False))
        await asyncio.sleep(0.01)
        assert (await process.scan(["a" * 20 * 2**20], names=False)).reason == CROWDED
        assert (await process.scan(["small"], names=False)).scan == "complete"
        assert (await first).scan == "complete"


async def test_a_child_that_hangs_while_it_starts_is_killed_and_another_is_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mark = tmp_path / "mark"
    body = (
        f"mark = {str(mark)!r}\nif not os.path.exists(mark):\n    open(mark, 'w').close()\n"
        f"    os.kill(os.getpid(), 19)\n{ECHO}"  # 19: SIGSTOP
    )
    with caplog.at_level(logging.WARNING, logger="stepwell.pii"):
        async with scanner(tmp_path, body, load_s=1.5) as process:
            process.start()
            await until(lambda: process.restarts == 1)
            await until(lambda: process.ready)
            assert (await process.scan(["x"], names=True)).scan == "complete"
    assert [record.getMessage() for record in caplog.records if record.name == "stepwell.pii"] == [
        "scan process killed: it did not load within 1.50 s; another is started"
    ]


async def test_each_start_that_took_too_long_gives_the_next_one_more_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="stepwell.pii"):
        async with scanner(tmp_path, "time.sleep(60)", load_s=0.05) as process:
            process.start()
            await until(lambda: process.restarts == 2)
            assert (await process.scan(["x"], names=True)).reason == ABSENT
    assert "did not load within 0.05 s" in caplog.text
    assert "did not load within 0.10 s" in caplog.text


async def test_a_child_that_crashes_again_and_again_fails_scans_and_no_more(tmp_path: Path) -> None:
    async with scanner(tmp_path, 'send({"engine": "e"})\nread()\nsys.exit(1)') as process:
        assert (await process.scan(["x"], names=False)).reason == "the scan process ended"
        assert process.restarts <= 3


async def test_stopping_during_a_scan_fails_it(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=5.0) as process:
        await process.scan(["warm"], names=False)
        scans = [asyncio.create_task(process.scan(["hang"], names=False)) for _ in range(3)]
        await until(lambda: process.in_flight == 3)
        await process.stop()
        assert {(await scan).scan for scan in scans} == {"failed"}


TOLD = """
send({"engine": " ".join(sys.argv[1:])})
while (job := read()) is not None:
    send({"engine": ",".join(job["languages"])})
    send(answer(job, [[]]))
"""


async def test_the_child_is_told_languages_names_and_what_is_plugged_in(tmp_path: Path) -> None:
    process = ProcessScanner(languages=lambda: ["fr", "en"], extra=["a.b:C"], command=child(tmp_path, TOLD))
    try:
        process.start()
        await until(lambda: process.ready)
        assert process.engine == "--names fr,en --extra a.b:C"
        assert (await process.scan(["x"], names=True)).engine == "fr,en"
    finally:
        await process.stop()


async def test_a_model_of_names_that_the_child_passed_over_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = 'send({"engine": "e", "troubles": ["a file was changed"]})\n' + TOLD.split("\n", 2)[2]
    async with scanner(tmp_path, body) as process:
        await process.scan(["x"], names=True)
        await process.scan(["x"], names=True)
    assert caplog.text.count("a model of names is passed over: a file was changed; in force is e\n") == 1


async def test_a_child_that_never_loads_is_a_failed_report(tmp_path: Path) -> None:
    async with scanner(tmp_path, "time.sleep(60)", wait=0.2) as process:
        assert (await process.scan(["x"], names=True)).reason == ABSENT


async def test_a_child_that_ends_before_it_is_ready_is_a_failed_report_at_once(tmp_path: Path) -> None:
    async with scanner(tmp_path, "sys.exit(1)", wait=60.0) as process, asyncio.timeout(10.0):
        assert (await process.scan(["x"], names=True)).reason == ABSENT
        assert (await process.scan(["x"], names=True)).reason == ABSENT


async def test_a_child_that_loads_at_a_later_try_is_used(tmp_path: Path) -> None:
    body = f"mark = {str(tmp_path / 'mark')!r}\nif not os.path.exists(mark):\n    open(mark, 'w'); sys.exit(1)\n{ECHO}"
    async with scanner(tmp_path, body) as process:
        assert (await process.scan(["x"], names=True)).reason == ABSENT
        await until(lambda: process.ready)
        assert (await process.scan(["x"], names=True)).scan == "complete"


async def test_half_a_surrogate_pair_is_no_trouble(tmp_path: Path) -> None:
    async with scanner(tmp_path) as process:
        assert (await process.scan(["a\ud800b"], names=False)).scan == "complete"


async def test_after_stop_nothing_runs_and_scans_fail(tmp_path: Path) -> None:
    async with scanner(tmp_path) as process:
        await process.scan(["x"], names=False)
        ours = [kid.pid for kid in psutil.Process(os.getpid()).children() if "child.py" in " ".join(kid.cmdline())]
        assert ours
        await process.stop()
        assert not any(psutil.pid_exists(pid) for pid in ours)
        assert (await process.scan(["x"], names=False)).reason == ABSENT


async def test_the_budget_is_read_anew_for_each_scan(tmp_path: Path) -> None:
    budgets = [5.0]
    process = ProcessScanner(lambda: budgets[0], grace_s=0.0, command=child(tmp_path, ECHO))
    try:
        assert (await process.scan(["slow"], names=False)).scan == "complete"
        budgets[0] = 0.02
        assert (await process.scan(["slow"], names=False)).reason == "it took longer than 0.02 s"
    finally:
        await process.stop()
