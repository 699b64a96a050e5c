"""The scan process may die, hang or answer late; the caller always gets a report."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from fakes_pii import ECHO, child

from pipeline.adapters.pii import ProcessScanner
from pipeline.contracts import Finding


@asynccontextmanager
async def scanner(
    folder: Path, body: str = ECHO, budget: float = 1.0, wait: float = 10.0
) -> AsyncIterator[ProcessScanner]:
    made = ProcessScanner(lambda: budget, start_wait_s=wait, command=child(folder, body))
    try:
        yield made
    finally:
        await made.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not holds():
            await asyncio.sleep(0.01)


async def test_findings_come_back_for_the_units_they_belong_to(tmp_path: Path) -> None:
    async with scanner(tmp_path) as process:
        findings = await process.findings(["abc", "", "x"], names=False)
    assert [[found.count for found in unit] for unit in findings] == [[3], [], [1]]


async def test_a_report_adds_the_units_up_and_names_the_engine(tmp_path: Path) -> None:
    async with scanner(tmp_path) as process:
        report = await process.scan(["abc", "x"], names=True)
    assert report.findings == (Finding(type="SEEN", count=4, score=0.9),)
    assert (report.engine, report.scan) == ("echo-1", "complete")


async def test_starting_does_not_wait_for_the_child(tmp_path: Path) -> None:
    async with scanner(tmp_path, "time.sleep(60)") as process:
        async with asyncio.timeout(0.5):
            process.start()
            await asyncio.sleep(0)
        assert not process.ready


async def test_many_requests_may_be_in_flight(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=5.0) as process:
        reports = await asyncio.gather(*(process.scan(["a" * n], names=False) for n in range(1, 40)))
    assert [report.findings[0].count for report in reports] == list(range(1, 40))


async def test_a_child_that_hangs_is_killed_and_who_waited_behind_is_scanned_by_the_next_one(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=0.3) as process:
        await process.scan(["warm"], names=False)
        hanging = asyncio.create_task(process.scan(["hang"], names=False))
        await asyncio.sleep(0.05)
        behind = await process.scan(["behind"], names=False)
        assert ((await hanging).scan, behind.scan) == ("failed", "complete")
        assert (await hanging).reason == "timeout"
        assert (await process.scan(["again"], names=False)).scan == "complete"
        assert process.restarts == 1


async def test_a_child_that_dies_is_replaced(tmp_path: Path) -> None:
    async with scanner(tmp_path) as process:
        assert (await process.scan(["die"], names=False)).reason == "crashed"
        assert (await process.scan(["again"], names=False)).scan == "complete"


async def test_one_bad_job_fails_alone(tmp_path: Path) -> None:
    async with scanner(tmp_path) as process:
        bad, good = await asyncio.gather(process.scan(["break"], names=False), process.scan(["fine"], names=False))
        assert (bad.scan, bad.reason, good.scan) == ("failed", "ValueError", "complete")
        assert process.restarts == 0


async def test_a_busy_child_that_makes_progress_is_not_killed(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=0.5) as process:
        await process.scan(["warm"], names=False)
        reports = await asyncio.gather(*(process.scan(["slow"], names=False) for _ in range(8)))
        assert {report.scan for report in reports} == {"complete", "failed"}
        await until(lambda: not process.in_flight)
        assert process.restarts == 0


async def test_a_child_that_never_loads_is_a_failed_report(tmp_path: Path) -> None:
    async with scanner(tmp_path, "time.sleep(60)", wait=0.2) as process:
        assert (await process.scan(["x"], names=True)).reason == "unavailable"


async def test_a_child_that_ends_before_it_is_ready_is_a_failed_report_at_once(tmp_path: Path) -> None:
    async with scanner(tmp_path, "sys.exit(1)", wait=60.0) as process, asyncio.timeout(10.0):
        assert (await process.scan(["x"], names=True)).reason == "unavailable"
        assert (await process.scan(["x"], names=True)).reason == "unavailable"


async def test_a_child_that_loads_at_a_later_try_is_used(tmp_path: Path) -> None:
    body = f"mark = {str(tmp_path / 'mark')!r}\nif not os.path.exists(mark):\n    open(mark, 'w'); sys.exit(1)\n{ECHO}"
    async with scanner(tmp_path, body) as process:
        assert (await process.scan(["x"], names=True)).reason == "unavailable"
        await until(lambda: process.ready)
        assert (await process.scan(["x"], names=True)).scan == "complete"


async def test_a_caller_who_goes_away_leaves_a_hanging_child_to_be_killed(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=0.3) as process:
        await process.scan(["warm"], names=False)
        caller = asyncio.create_task(process.scan(["hang"], names=False))
        await asyncio.sleep(0.05)
        caller.cancel()
        await until(lambda: process.restarts == 1)


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
        assert (await process.scan(["x"], names=False)).reason == "unavailable"


async def test_the_budget_is_read_anew_for_each_scan(tmp_path: Path) -> None:
    budgets = [5.0]
    process = ProcessScanner(lambda: budgets[0], command=child(tmp_path, ECHO))
    try:
        assert (await process.scan(["slow"], names=False)).scan == "complete"
        budgets[0] = 0.05
        assert (await process.scan(["slow"], names=False)).reason == "timeout"
    finally:
        await process.stop()
