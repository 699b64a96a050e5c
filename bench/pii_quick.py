"""Recall, precision and false alarms of the scanner on labelled texts, and its time for typical prompts.

    python bench/pii_quick.py DATA [--no-names]

DATA is a folder with `pii-presidio-research/*.jsonl.gz` and `gsm8k-four-systems/solutions.jsonl.gz`. They are read in
place; only counts are printed. A labelled span counts as found when at least half of its characters are covered by
findings of its type, and a finding as right when at least half of it is covered by labels of its type. IBANs do not
occur in the data: they are made here, with right check digits, from a seed.
"""

import argparse
import gzip
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.adapters.pii import PatternScanner, Span
from pipeline.adapters.pii.process import ENVIRONMENT

TYPES = {
    "CREDIT_CARD": "CREDIT_CARD", "EMAIL_ADDRESS": "EMAIL", "IP_ADDRESS": "IP", "US_SSN": "US_SSN", "IBAN": "IBAN",
    "PHONE_NUMBER": "PHONE", "PERSON": "PERSON", "STREET_ADDRESS": "ADDRESS", "ADDRESS": "ADDRESS",
    "GPE": "LOCATION", "LOCATION": "LOCATION", "ORGANIZATION": "ORG", "NRP": "NRP",
}  # fmt: skip
FILES = ("synth_dataset_v2", "generated_large")
PLAIN = (
    "Please explain in simple words why the sky looks blue during the day and red in the evening, and how a rainbow "
    "forms after the rain; then write a short story for children about a fox who wants to learn to fly but is afraid "
    "of heights, and end it with a question for the reader, thanks"
)
DENSE = (
    "Dear support, I am Maria Schneider, born 12.03.1985, of 742 Evergreen Terrace, Springfield, IL 62704. My card "
    "4111 1111 1111 1111 was charged twice; refund to GB82 WEST 1234 5698 7654 32 or call +49 30 901820 or "
    "212-555-0147, mail maria.schneider@example.org. SSN 536-90-4399, last seen from 203.0.113.77. Thanks a lot."
)
Scan = Callable[[str], list[Span]]
Row = tuple[str, list[Span]]


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a zipped JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def labelled(data: Path) -> Iterator[Row]:
    """Texts with their labelled spans, in our words."""
    for name in FILES:
        for row in read(data / "pii-presidio-research" / f"{name}.jsonl.gz"):
            spans = [Span(TYPES.get(kind, kind), start, end, 1.0) for kind, start, end in row["spans"]]
            yield row["text"], spans


def ibans(number: int = 200, seed: int = 7) -> Iterator[Row]:
    """Made-up IBANs of four countries in a sentence, half of them in groups of four."""
    draw = random.Random(seed)
    for n in range(number):
        country, length = draw.choice([("DE", 22), ("FR", 27), ("NL", 18), ("ES", 24)])
        body = "".join(draw.choices("0123456789", k=length - 4))
        check = 98 - int(body + str(int(country[0], 36)) + str(int(country[1], 36)) + "00") % 97
        iban = f"{country}{check:02d}{body}"
        shown = iban if n % 2 else " ".join(iban[at : at + 4] for at in range(0, length, 4))
        yield f"Please send it to {shown} today.", [Span("IBAN", 18, 18 + len(shown), 1.0)]


def covered(span: Span, others: Iterable[Span]) -> bool:
    """Whether spans of its type cover at least half of `span`."""
    inside = sum(max(0, min(span.end, o.end) - max(span.start, o.start)) for o in others if o.type == span.type)
    return 2 * inside >= span.end - span.start


def touched(span: Span, others: Iterable[Span]) -> bool:
    """Whether a span of any type overlaps `span`."""
    return any(other.start < span.end and span.start < other.end for other in others)


def measure(rows: Iterable[Row], scan: Scan, threshold: float = 0.5) -> dict[str, dict[str, float]]:
    """By type: labels, share found, share found with any type, findings, share that is right."""
    gold, hit, loose, given, right = Counter(), Counter(), Counter(), Counter(), Counter()
    for text, labels in rows:
        found = [span for span in scan(text) if span.score >= threshold]
        for label in labels:
            gold[label.type] += 1
            hit[label.type] += covered(label, found)
            loose[label.type] += touched(label, found)
        for span in found:
            given[span.type] += 1
            right[span.type] += covered(span, labels)
    return {
        kind: {
            "labels": gold[kind],
            "recall": hit[kind] / gold[kind] if gold[kind] else 0.0,
            "recall_any": loose[kind] / gold[kind] if gold[kind] else 0.0,
            "findings": given[kind],
            "precision": right[kind] / given[kind] if given[kind] else 0.0,
        }
        for kind in sorted(set(TYPES.values()))
    }


def alarms(texts: Iterable[str], scan: Scan, threshold: float = 0.5) -> tuple[float, Counter[str]]:
    """The share of texts with any finding, and how often each type occurs."""
    seen, kinds = [], Counter[str]()
    for text in texts:
        found = [span.type for span in scan(text) if span.score >= threshold]
        seen.append(bool(found))
        kinds.update(found)
    return sum(seen) / len(seen), kinds


def microseconds(scan: Scan, text: str, rounds: int) -> float:
    """CPU time of one scan, the best of five averages."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(rounds):
            scan(text)
        best = min(best, (time.process_time() - start) / rounds)
    return best * 1e6


def with_names() -> Scan:
    """The scanner as the child process runs it, with as many threads: one."""
    os.environ.update(ENVIRONMENT)
    from pipeline.adapters.pii.names import SmallEngine
    from pipeline.adapters.pii.presidio import Analyzer, registry, stay_offline

    stay_offline()
    analyzer = Analyzer(SmallEngine(), registry())
    return lambda text: analyzer.scan_text(text, names=True)


def report(title: str, scan: Scan, data: Path, rounds: int) -> None:
    """Print all figures of one scanner."""
    print(f"\n{title}\n{'type':14}{'labels':>8}{'recall':>8}{'any':>8}{'found':>8}{'right':>8}")
    for kind, row in measure([*labelled(data), *ibans()], scan).items():
        print(
            f"{kind:14}{row['labels']:8.0f}{row['recall']:8.3f}{row['recall_any']:8.3f}"
            f"{row['findings']:8.0f}{row['precision']:8.3f}"
        )
    prompts = [row["prompt"] for row in read(data / "gsm8k-four-systems" / "solutions.jsonl.gz")]
    share, kinds = alarms(prompts, scan)
    print(f"GSM8K prompts with a finding: {share:.3f} of {len(prompts)} {dict(kinds)}")
    for name, text in (("plain", PLAIN), ("dense", DENSE)):
        print(f"{name} prompt, {len(text.split())} words: {microseconds(scan, text, rounds):.1f} µs CPU")


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--no-names", action="store_true")
    arguments = parser.parse_args()
    report("patterns", PatternScanner().scan_text, arguments.data, 2000)
    if not arguments.no_names:
        report("patterns and names", with_names(), arguments.data, 50)


if __name__ == "__main__":
    main()
