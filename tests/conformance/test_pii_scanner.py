"""What every scanner for personal data promises: patterns alone, the child process, and both tiers together."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import psutil
import pytest
import pytest_asyncio
from fakes_pii import EXAMPLES

from pipeline.adapters.pii import PatternScanner, ProcessScanner, TieredScanner
from pipeline.ports import PiiScanner, ScanReport

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARD = "Charge 4111 1111 1111 1111, owner Odalys Brandvold."
HOSTILE = ("a." * 25_600, "1 " * 25_600, "AB12 " * 10_240, "http://a.a." * 4_600, "phone 12345678 " * 3_400)
BUDGET = [5.0]


@dataclass
class Subject:
    """A scanner, and its child where it has one."""

    scanner: PiiScanner
    process: ProcessScanner | None = None
    heavy: ProcessScanner | None = None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process() -> AsyncIterator[ProcessScanner]:
    """One child for all tests, which it survives or is replaced after."""
    made = ProcessScanner(lambda: BUDGET[0], start_wait_s=60.0)
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def heavy() -> AsyncIterator[ProcessScanner]:
    """The child for large and hostile texts."""
    made = ProcessScanner(lambda: BUDGET[0], names=False, start_wait_s=60.0)
    yield made
    await made.stop()


@pytest.fixture(
    params=["patterns", pytest.param("process", marks=pytest.mark.nlp), pytest.param("tiered", marks=pytest.mark.nlp)]
)
def subject(request: pytest.FixtureRequest) -> Subject:
    BUDGET[0] = 5.0
    if request.param == "patterns":
        return Subject(PatternScanner())
    process: ProcessScanner = request.getfixturevalue("process")
    if request.param == "process":
        return Subject(process, process, process)
    heavy: ProcessScanner = request.getfixturevalue("heavy")
    return Subject(TieredScanner(process=process, heavy=heavy), process, heavy)


def child_of(subject: Subject, *, large: bool = False) -> ProcessScanner:
    child = subject.heavy if large else subject.process
    if child is None:
        pytest.skip("this scanner has no child process")
    return child


def kill_child(subject: Subject, *, large: bool = False) -> None:
    names = subject.process is (subject.heavy if large else subject.process)
    for kid in psutil.Process(os.getpid()).children():
        if "pipeline.adapters.pii.child" in kid.cmdline() and ("--names" in kid.cmdline()) is names:
            kid.send_signal(signal.SIGKILL)


async def test_it_finds_a_card(subject: Subject) -> None:
    report = await subject.scanner.scan([CARD], names=False)
    assert [(finding.type, finding.count) for finding in report.findings] == [("CREDIT_CARD", 1)]
    assert report.scan == "complete"


async def test_it_finds_every_kind_of_thing_with_a_form(subject: Subject) -> None:
    units = [text for texts in EXAMPLES.values() for text in texts]
    report = await subject.scanner.scan(units, names=False)
    assert set(EXAMPLES) <= {finding.type for finding in report.findings}


async def test_it_reports_counts_and_never_text(subject: Subject) -> None:
    report = await subject.scanner.scan([CARD, CARD + " ", "4222222222222"], names=True)
    assert "CREDIT_CARD" in repr(report)
    for word in ("4111", "Odalys", "4222"):
        assert word not in repr(report)


async def test_it_adds_up_over_units(subject: Subject) -> None:
    report = await subject.scanner.scan([CARD, CARD + " ", "nothing"], names=False)
    assert [(finding.type, finding.count) for finding in report.findings] == [("CREDIT_CARD", 2)]


def marked(report: ScanReport, units: Sequence[str]) -> list[tuple[str, str]]:
    return [(mark.type, units[mark.unit][mark.start : mark.end]) for mark in report.marks]


async def test_marks_say_where_findings_stand(subject: Subject) -> None:
    units = ["nothing", "mail a@example.org or b@example.org", "", CARD, "ｃａｒｄ 4111\u200b 1111 1111 1111!"]
    report = await subject.scanner.scan(units, names=False)
    assert marked(report, units) == [
        ("EMAIL", "a@example.org"), ("EMAIL", "b@example.org"), ("CREDIT_CARD", "4111 1111 1111 1111"),
        ("CREDIT_CARD", "4111\u200b 1111 1111 1111"),
    ]  # fmt: skip


async def test_marks_are_in_order_do_not_overlap_and_add_up_to_the_findings(subject: Subject) -> None:
    units = [text for texts in EXAMPLES.values() for text in texts]
    units += [" ".join(units), "\n\n".join(reversed(units))]
    report = await subject.scanner.scan(units, names=True)
    for one, next_one in pairwise(report.marks):
        assert one.unit < next_one.unit or (one.unit == next_one.unit and one.end <= next_one.start)
    assert all(0 <= mark.start < mark.end <= len(units[mark.unit]) for mark in report.marks)
    counted = Counter({(finding.type, finding.score): finding.count for finding in report.findings})
    assert counted == Counter((mark.type, mark.score) for mark in report.marks)


async def test_every_scanner_marks_the_same(subject: Subject) -> None:
    units = [text for texts in EXAMPLES.values() for text in texts]
    assert (await subject.scanner.scan(units, names=False)).marks == (
        await PatternScanner().scan(units, names=False)
    ).marks


async def test_requests_scanned_together_hold_what_each_holds_alone(subject: Subject) -> None:
    texts = [
        f"{number}: Odalys Brandvold met Piers Whitlock in Berlin, card 4111 1111 1111 1111." for number in range(40)
    ]
    texts += [text * 90 for text in texts[:3]]
    together = await asyncio.gather(*(subject.scanner.scan([text, "and so on"], names=True) for text in texts))
    for text, report in zip(texts, together, strict=True):
        alone = await subject.scanner.scan(["and so on", text + " "], names=True)
        assert [mark[1:] for mark in report.marks] == [mark[1:] for mark in alone.marks]


async def test_each_finding_has_a_score(subject: Subject) -> None:
    report = await subject.scanner.scan([CARD], names=False)
    assert all(finding.score is not None and 0.0 < finding.score <= 1.0 for finding in report.findings)


@pytest.mark.parametrize("units", [[], [""], ["", "   "], ["Why is the sky blue?"]])
async def test_an_empty_or_plain_text_is_clean(subject: Subject, units: list[str]) -> None:
    report = await subject.scanner.scan(units, names=False)
    assert (report.findings, report.scan) == ((), "complete")


async def test_names_are_found_or_the_report_says_that_it_is_partial(subject: Subject) -> None:
    report = await subject.scanner.scan(["My name is Odalys Brandvold."], names=True)
    found = "PERSON" in {finding.type for finding in report.findings}
    assert (found, report.scan) in {(True, "complete"), (False, "partial")}


@pytest.mark.parametrize("unit", ["\ud800", "\x00\x01", "\u202e4111", "🎉" * 100, "\n" * 1000])
async def test_it_never_raises(subject: Subject, unit: str) -> None:
    report = await subject.scanner.scan([unit], names=True)
    assert report.scan in {"complete", "partial", "failed"}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:6])
async def test_fifty_hostile_kilobytes_take_bounded_time(subject: Subject, text: str) -> None:
    await subject.scanner.scan(["warm"], names=True)
    async with asyncio.timeout(BUDGET[0] + 1.0):
        report = await subject.scanner.scan([text], names=False)
    assert report.scan in {"complete", "failed"}


async def test_beside_hostile_texts_a_plain_one_is_answered_first(subject: Subject) -> None:
    child_of(subject)
    await subject.scanner.scan(["warm", "1 " * 4000], names=True)
    hostile = [asyncio.create_task(subject.scanner.scan([f"{n} " * 250_000], names=False)) for n in range(3)]
    await asyncio.sleep(0.05)
    for number in range(5):
        assert (await subject.scanner.scan([f"My name is Odalys Brandvold, no {number}."], names=True)).marks
    assert not all(task.done() for task in hostile)
    assert {(await task).scan for task in hostile} <= {"complete", "failed"}


async def test_a_text_in_a_language_without_pipeline_is_named(subject: Subject) -> None:
    child_of(subject)
    text = (
        "Légy szíves, válaszolj nekem a hétvége előtt, mert szólnom kell a többieknek is. Kártya: 4111 1111 1111 1111."
    )
    report = await subject.scanner.scan(
        ["Please tell me about Odalys Brandvold of Berlin and her work.", text], names=True
    )
    assert (report.scan, report.names_covered, set(report.languages)) == ("complete", False, {"en", "hu"})
    assert {mark.type for mark in report.marks if mark.unit == 1} == {"CREDIT_CARD"}
    assert (await subject.scanner.scan([text], names=False)).names_covered


async def test_a_crash_during_a_scan_is_a_failed_report(subject: Subject) -> None:
    process = child_of(subject, large=True)
    await process.scan(["warm"], names=True)
    scan = asyncio.create_task(subject.scanner.scan(["Odalys Brandvold. " * 20_000], names=True))
    while not scan.done():  # one that was not worked on yet when its child died may try again
        await asyncio.sleep(0.1)
        if process.in_flight:
            kill_child(subject, large=True)
    report = await scan
    assert (report.scan, report.findings) == ("failed", ())


async def test_a_scan_beyond_the_budget_is_a_failed_report(subject: Subject) -> None:
    process = child_of(subject, large=True)
    await process.scan(["warm"], names=True)
    BUDGET[0] = 0.1
    report = await subject.scanner.scan(["Odalys Brandvold lives in Berlin. " * 20_000], names=True)
    assert (report.scan, report.reason, report.findings) == ("failed", "it took longer than 0.1 s", ())


async def test_it_works_again_after_a_crash(subject: Subject) -> None:
    process = child_of(subject)
    await process.scan(["warm"], names=True)
    kill_child(subject)
    while process.ready:
        await asyncio.sleep(0.001)
    report = await subject.scanner.scan(["My name is Odalys Brandvold."], names=True)
    assert "PERSON" in {finding.type for finding in report.findings}


async def test_the_event_loop_goes_on_while_the_child_scans(subject: Subject) -> None:
    process = child_of(subject)
    await process.scan(["warm"], names=True)
    scan = asyncio.create_task(subject.scanner.scan(["Odalys Brandvold lives in Berlin. " * 500], names=True))
    turns = 0
    while not scan.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns >= 3
    assert (await scan).scan == "complete"
