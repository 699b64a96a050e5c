"""Each unit goes to the tier it needs, and is scanned once."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from pipeline.adapters.pii import PatternScanner, ProcessScanner, Span, TieredScanner, UnitCache
from pipeline.adapters.pii.process import ScanFailed, UnitFindings
from pipeline.adapters.pii.tiered import IN_PROCESS
from pipeline.contracts import Finding

CARD = "card 4111 1111 1111 1111"


class FakeProcess(ProcessScanner):
    """Finds one PERSON in every unit, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.engine = "fake"
        self.asked: list[tuple[tuple[str, ...], bool]] = []
        self.failure = failure

    async def findings(self, units: Sequence[str], *, names: bool) -> UnitFindings:
        self.asked.append((tuple(units), names))
        if self.failure is not None:
            raise self.failure
        return tuple((Finding(type="PERSON", count=1, score=0.85),) for _ in units)


class CountingPatterns(PatternScanner):
    """Counts the texts it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def scan_text(self, text: str) -> list[Span]:
        self.seen.append(text)
        return super().scan_text(text)


async def test_a_small_text_never_reaches_the_child() -> None:
    process = FakeProcess()
    report = await TieredScanner(process=process).scan([CARD], names=False)
    assert [finding.type for finding in report.findings] == ["CREDIT_CARD"]
    assert process.asked == []


async def test_names_are_looked_for_in_the_child() -> None:
    process = FakeProcess()
    report = await TieredScanner(process=process).scan([CARD], names=True)
    assert process.asked == [((CARD,), True)]
    assert report.engine == "fake"


@pytest.mark.parametrize("text", ["a" * (IN_PROCESS + 1), "1 " * 300])
async def test_large_and_hostile_texts_go_to_the_child(text: str) -> None:
    process = FakeProcess()
    await TieredScanner(process=process).scan([text], names=False)
    assert process.asked == [((text,), False)]


async def test_a_unit_that_was_seen_before_is_not_scanned_again() -> None:
    patterns = CountingPatterns()
    scanner = TieredScanner(patterns)
    first = await scanner.scan([CARD, "hello"], names=False)
    assert await scanner.scan([CARD, "hello"], names=False) == first
    assert patterns.seen == [CARD, "hello"]


async def test_only_new_units_of_a_conversation_go_to_the_child() -> None:
    process = FakeProcess()
    scanner = TieredScanner(process=process)
    await scanner.scan(["one"], names=True)
    report = await scanner.scan(["one", "two"], names=True)
    assert [units for units, _ in process.asked] == [("one",), ("two",)]
    assert report.findings == (Finding(type="PERSON", count=2, score=0.85),)


async def test_a_scan_without_names_does_not_answer_for_one_with_names() -> None:
    process = FakeProcess()
    scanner = TieredScanner(process=process)
    await scanner.scan(["one"], names=False)
    await scanner.scan(["one"], names=True)
    assert process.asked == [(("one",), True)]


@pytest.mark.parametrize("failure", [ScanFailed("timeout"), ValueError("text of the request")])
async def test_trouble_is_a_failed_report_without_text_and_is_not_remembered(failure: Exception) -> None:
    process = FakeProcess(failure)
    scanner = TieredScanner(process=process)
    report = await scanner.scan(["one"], names=True)
    assert report.scan == "failed"
    assert "request" not in str(report.reason)
    process.failure = None
    assert (await scanner.scan(["one"], names=True)).scan == "complete"


async def test_without_a_child_a_scan_for_names_is_partial() -> None:
    report = await TieredScanner().scan([CARD], names=True)
    assert (report.scan, report.findings[0].type) == ("partial", "CREDIT_CARD")


def test_the_cache_forgets_what_was_not_seen_for_longest() -> None:
    cache = UnitCache(size=2)
    one, two, three = (cache.digest(text, names=False) for text in ("one", "two", "three"))
    cache.put(one, ())
    cache.put(two, ())
    assert cache.get(one) == ()
    cache.put(three, ())
    assert (cache.get(one), cache.get(two), cache.get(three)) == ((), None, ())


def test_digests_of_two_processes_say_nothing_about_each_other() -> None:
    assert UnitCache().digest("text", names=False) != UnitCache().digest("text", names=False)


def test_a_worker_with_the_scanner_loads_neither_presidio_nor_spacy_and_stays_small() -> None:
    code = (
        "import sys, psutil; import stages.classify, pipeline.adapters.pii as p; p.TieredScanner();"
        "p.PatternScanner().scan_text('call +49 30 901820, card 4111 1111 1111 1111, PESEL 44051401359');"
        "print([m for m in ('presidio_analyzer', 'spacy', 'thinc', 'numpy') if m in sys.modules],"
        " psutil.Process().memory_info().rss < 120 * 2**20)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[] True"
