"""A child that is silent for too long is killed, and who is to blame for its end fails alone."""

import asyncio
import contextlib
import logging
from pathlib import Path

import psutil
import pytest
from fakes_pii import ECHO
from scan_child import scanner, until


async def test_a_child_that_hangs_is_killed_and_who_waited_behind_is_scanned_by_the_next_one(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=0.3) as process:
        await process.scan(["warm"], names=False)
        hanging = asyncio.create_task(process.scan(["hang"], names=False))
        await asyncio.sleep(0.05)
        behind = await process.scan(["behind"], names=False)
        assert ((await hanging).scan, behind.scan) == ("failed", "complete")
        assert (await hanging).reason == "it took longer than 0.3 s"
        assert (await process.scan(["again"], names=False)).scan == "complete"
        assert process.restarts == 1


async def test_one_bad_job_fails_alone(tmp_path: Path) -> None:
    async with scanner(tmp_path) as process:
        bad, good = await asyncio.gather(process.scan(["break"], names=False), process.scan(["fine"], names=False))
        assert (bad.scan, bad.reason, good.scan) == ("failed", "it broke with ValueError", "complete")
        assert process.restarts == 0


TOGETHER = """
send({"engine": "pair-1"})
first = read()
if not first["alone"]:
    second = read()
    send({"at": [first["id"], second["id"]]})
    sys.exit(1)
while first is not None:
    if "drop" not in first:
        send({"at": [first["id"]]})
        if "die" in first["units"]:
            sys.exit(1)
        send(answer(first, [[[0, 0, 1, 0.9]]]))
    first = read()
"""


async def test_of_those_that_were_worked_on_together_each_is_tried_alone_before_it_is_blamed(tmp_path: Path) -> None:
    async with scanner(tmp_path, TOGETHER) as process:
        process.start()
        await until(lambda: process.ready)
        good, bad = await asyncio.gather(process.scan(["good"], names=True), process.scan(["die"], names=True))
        assert (good.scan, bad.scan, bad.reason) == ("complete", "failed", "the scan process ended")


async def test_a_kill_is_logged_with_sizes_and_without_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="stepwell.pii"):
        async with scanner(tmp_path, budget=0.2, grace_s=0.0) as process:
            assert (await process.scan(["hang", "Odalys Brandvold"], names=False)).reason == "it took longer than 0.2 s"
    assert [record.getMessage() for record in caplog.records if record.name == "stepwell.pii"] == [
        "scan process killed: 20 characters in 2 texts took longer than 0.20 s"
    ]


async def test_a_kill_before_the_child_said_what_it_works_on_has_a_size_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="stepwell.pii"):
        async with scanner(tmp_path, 'send({"engine": "e"})\ntime.sleep(60)', budget=0.1, grace_s=0.0) as process:
            process.start()
            await until(lambda: process.ready)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.6):
                    await process.scan(["Odalys"], names=False)
    assert "scan process killed: 6 characters in 1 texts took longer than 0.10 s" in caplog.text


async def test_a_child_that_hangs_while_it_loads_names_is_killed_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = 'send({"engine": "e"})\njob = read()\nsend({"at": [job["id"]]})\nsend({"loading": True})\ntime.sleep(60)'
    with caplog.at_level(logging.WARNING, logger="stepwell.pii"):
        async with scanner(tmp_path, body, budget=0.1, wait=1.5, grace_s=0.0) as process:
            assert (await process.scan(["x"], names=True)).reason == "what finds names did not load within 1.5 s"
    assert "scan process killed: loading what finds names took longer than 1.50 s" in caplog.text


async def test_a_child_that_is_loading_may_take_longer_than_a_scan(tmp_path: Path) -> None:
    body = (
        'send({"engine": "e"})\njob = read()\nsend({"loading": True})\ntime.sleep(0.5)\nsend(answer(job, [[]]))\nread()'
    )
    async with scanner(tmp_path, body, budget=0.1, grace_s=0.0) as process:
        assert (await process.scan(["x"], names=True)).scan == "complete"


@pytest.mark.parametrize("answer", ['{"id": 1}', '{"id": job["id"], "types": [], "units": [[[0, 0]]]}', "[1]"])
async def test_an_answer_that_makes_no_sense_is_a_crash(tmp_path: Path, answer: str) -> None:
    body = f'send({{"engine": "e"}})\nwhile (job := read()) is not None:\n    send({answer})'
    async with scanner(tmp_path, body) as process:
        assert (await process.scan(["x"], names=False)).scan == "failed"


async def test_a_caller_who_goes_away_leaves_a_hanging_child_to_be_killed(tmp_path: Path) -> None:
    async with scanner(tmp_path, budget=0.3) as process:
        await process.scan(["warm"], names=False)
        caller = asyncio.create_task(process.scan(["hang"], names=False))
        await asyncio.sleep(0.05)
        caller.cancel()
        await until(lambda: process.restarts == 1)


@pytest.mark.parametrize("dies", [False, True], ids=["stopped", "died"])
async def test_a_child_that_ended_is_reaped_by_one_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    """A signal to a child that ended reaps it, and asyncio's own wait then warns of a process that it does not know."""
    signals: list[int] = []
    kill = asyncio.subprocess.Process.kill
    monkeypatch.setattr(asyncio.subprocess.Process, "kill", lambda self: (signals.append(self.pid), kill(self))[1])
    for _ in range(5):
        async with scanner(tmp_path, ECHO) as process:
            await process.scan(["a"], names=True)
            if dies:
                for one in psutil.Process().children():
                    if "child.py" in " ".join(one.cmdline()):
                        one.kill()
                while process.ready:
                    await asyncio.sleep(0.01)
    assert len(signals) == len(set(signals)), "no child is signalled twice"
    assert "Unknown child process" not in caplog.text
