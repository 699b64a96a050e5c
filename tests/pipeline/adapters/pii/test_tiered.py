"""Each unit goes to the tier it needs, and is scanned once."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from pipeline.adapters.pii import PatternScanner, ProcessScanner, Span, TieredScanner, UnitCache
from pipeline.adapters.pii.life import ScanFailed
from pipeline.adapters.pii.steps import MOST_SPANS, Scanned
from pipeline.adapters.pii.tiered import AT_ONCE, IN_PROCESS
from pipeline.contracts import Finding

CARD = "card 4111 1111 1111 1111"


class FakeProcess(ProcessScanner):
    """Finds one PERSON in every unit, or fails."""

    def __init__(
        self, failure: Exception | None = None, languages: Sequence[str] = ("en",), **more: Sequence[str]
    ) -> None:
        super().__init__(languages=lambda: self.spoken, **more)
        self.spoken = languages
        self.engine = "fake"
        self.asked: list[tuple[tuple[str, ...], bool]] = []
        self.failure = failure
        self.found = Scanned((Span("PERSON", 0, 1, 0.85),), ("en",))

    async def scanned(self, units: Sequence[str], *, names: bool) -> tuple[Scanned, ...]:
        self.asked.append((tuple(units), names))
        if self.failure is not None:
            raise self.failure
        return (self.found,) * len(units)


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


@pytest.mark.parametrize("names", [False, True])
@pytest.mark.parametrize("text", ["a" * (IN_PROCESS + 1), "1 " * 300, "１ " * 300, "(((" * 200, "a." * 600])
async def test_what_is_large_or_hostile_has_a_child_of_its_own(text: str, names: bool) -> None:
    quick, heavy = FakeProcess(), FakeProcess()
    report = await TieredScanner(process=quick, heavy=heavy).scan(["small", text, CARD], names=names)
    assert heavy.asked == [((text,), names)]
    assert quick.asked == ([(("small", CARD), True)] if names else [])
    assert [mark.unit for mark in report.marks] == ([0, 1, 2] if names else [1, 2])


async def test_many_small_texts_do_not_hold_up_the_event_loop_together() -> None:
    quick, heavy, patterns = FakeProcess(), FakeProcess(), CountingPatterns()
    units = [f"{number} " + "a" * 1000 for number in range(AT_ONCE // 1000 + 1)]
    await TieredScanner(patterns, quick, heavy).scan(units, names=False)
    assert (heavy.asked, quick.asked, patterns.seen) == ([(tuple(units), False)], [], [])


async def test_texts_of_everyday_kinds_are_not_taken_for_hostile() -> None:
    code = "def walk(folder):\n    for root, dirs, files in os.walk(folder):\n        print(root, len(files))\n" * 20
    table = "\n".join(f"| item {n} | a word or two about it | ok |" for n in range(40))
    heavy = FakeProcess()
    await TieredScanner(process=FakeProcess(), heavy=heavy).scan([code, table, "Why? " * 300], names=False)
    assert heavy.asked == []


async def test_trouble_in_one_place_is_a_failed_report() -> None:
    quick, heavy = FakeProcess(), FakeProcess(ScanFailed("timeout"))
    report = await TieredScanner(process=quick, heavy=heavy).scan(["small", "1 " * 300], names=True)
    assert (report.scan, report.reason, report.findings, report.marks) == ("failed", "timeout", (), ())


async def test_what_is_plugged_in_sees_every_text() -> None:
    process = FakeProcess(extra=["package.module:Recognizer"])
    report = await TieredScanner(process=process).scan([CARD], names=False)
    assert process.asked == [((CARD,), False)]
    assert report.engine == "fake"


async def test_marks_say_in_which_text_and_where() -> None:
    units = ["nothing", "two: 4111 1111 1111 1111 and x@example.org", "", CARD]
    report = await TieredScanner().scan(units, names=False)
    assert [(mark.unit, units[mark.unit][mark.start : mark.end]) for mark in report.marks] == [
        (1, "4111 1111 1111 1111"), (1, "x@example.org"), (3, "4111 1111 1111 1111"),
    ]  # fmt: skip


async def test_more_findings_than_are_carried_fail_the_scan() -> None:
    process = FakeProcess()
    process.found = Scanned((Span("EMAIL", 0, 1, 1.0),) * (MOST_SPANS // 4))
    scanner = TieredScanner(process=process)
    enough = [f"{number}" for number in range(4)]
    assert len((await scanner.scan(enough, names=True)).marks) == MOST_SPANS
    report = await scanner.scan([*enough, "one more"], names=True)
    assert (report.scan, report.reason, report.marks) == ("failed", "too many findings", ())


async def test_a_language_whose_names_nobody_knows_is_named() -> None:
    process = FakeProcess()
    process.found = Scanned((), ("en", "hu"), covered=False)
    report = await TieredScanner(process=process).scan(["a", "b"], names=True)
    assert (report.scan, report.names_covered, report.languages) == ("complete", False, ("en", "hu"))
    known = await TieredScanner(process=process).scan(["a"], names=False)
    assert (known.names_covered, known.languages) == (True, ())


async def test_other_languages_and_another_engine_are_another_scan() -> None:
    process = FakeProcess()
    scanner = TieredScanner(process=process)
    for change in (
        lambda: None,
        lambda: setattr(process, "spoken", ("fr",)),
        lambda: setattr(process, "engine", "new"),
    ):
        change()
        await scanner.scan(["one"], names=True)
        await scanner.scan(["one"], names=True)
    assert len(process.asked) == 3


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
    assert (report.scan, report.findings[0].type, report.names_covered) == ("partial", "CREDIT_CARD", False)


def test_the_cache_forgets_what_was_not_seen_for_longest() -> None:
    cache = UnitCache(size=2)
    one, two, three = (cache.digest(text, "engine") for text in ("one", "two", "three"))
    cache.put(one, Scanned())
    cache.put(two, Scanned())
    assert cache.get(one) == Scanned()
    cache.put(three, Scanned())
    assert (cache.get(one), cache.get(two), cache.get(three)) == (Scanned(), None, Scanned())


def test_the_cache_holds_a_bounded_number_of_findings() -> None:
    cache = UnitCache(spans=10)
    digests = [cache.digest(str(number), "engine") for number in range(4)]
    for digest in (*digests, digests[3]):
        cache.put(digest, Scanned((Span("X", 0, 1, 1.0),) * 4))
    assert [cache.get(digest) is not None for digest in digests] == [False, False, True, True]


def test_digests_of_two_processes_say_nothing_about_each_other() -> None:
    assert UnitCache().digest("text", "engine") != UnitCache().digest("text", "engine")


def test_a_worker_with_the_scanner_loads_neither_presidio_nor_spacy_and_stays_small() -> None:
    code = (
        "import sys, psutil; import stages.classify, pipeline.adapters.pii as p; p.TieredScanner();"
        "p.PatternScanner().scan_text('call +49 30 901820, card 4111 1111 1111 1111, PESEL 44051401359');"
        "print([m for m in ('presidio_analyzer', 'spacy', 'thinc', 'numpy') if m in sys.modules],"
        " psutil.Process().memory_info().rss < 120 * 2**20)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[] True"
