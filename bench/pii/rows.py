"""Texts with their labelled spans, read in place from a folder of evaluation data."""

import gzip
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from pipeline.adapters.pii.spans import Span

__all__ = ["PRESIDIO", "Data", "Row", "Skipped", "default_folder"]

PRESIDIO: Final = ("synth_dataset_v2", "generated_large")
TYPES: Final = {
    "ADDRESS": "ADDRESS", "AGE": "AGE", "CREDIT_CARD": "CREDIT_CARD", "DOMAIN_NAME": "DOMAIN",
    "EMAIL": "EMAIL", "EMAIL_ADDRESS": "EMAIL", "GPE": "LOCATION", "IBAN": "IBAN", "IBAN_CODE": "IBAN",
    "IP": "IP", "IP_ADDRESS": "IP", "LOCATION": "LOCATION", "NRP": "NRP", "ORG": "ORG", "ORGANIZATION": "ORG",
    "PERSON": "PERSON", "PHONE": "PHONE", "PHONE_NUMBER": "PHONE", "STREET_ADDRESS": "ADDRESS", "SSN": "US_SSN",
    "US_SSN": "US_SSN", "US_DRIVER_LICENSE": "DRIVER_LICENSE", "ZIP_CODE": "ZIP",
}  # fmt: skip
"""What the data calls it, and what we call it. Other types of the data (dates, titles) are no findings of ours."""


class Skipped(Exception):
    """A part of the data is not there; the message says which."""


class Row(NamedTuple):
    """A text, its labelled spans in our words, and what it was made from: resampling keeps a template together."""

    text: str
    spans: tuple[Span, ...] = ()
    template: str = ""


def default_folder() -> Path:
    """`$STEPWELL_DATA`, or `shared/data` beside the checkout."""
    return Path(os.environ.get("STEPWELL_DATA") or Path(__file__).parents[3] / "shared" / "data")


@dataclass(frozen=True, slots=True)
class Data:
    """A folder of evaluation data. `most` cuts every file to its first rows, for quick runs; 0 takes all."""

    folder: Path
    most: int = 0

    def _path(self, part: str, name: str) -> Path:
        for path in (self.folder / part / f"{name}.jsonl.gz", self.folder / part / f"{name}.jsonl"):
            if path.is_file():
                return path
        raise Skipped(f"{part}/{name}.jsonl.gz is not in {self.folder}")

    def _read(self, part: str, name: str) -> Iterator[dict[str, Any]]:
        path = self._path(part, name)
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if self.most and number >= self.most:
                    return
                if line.strip():
                    yield json.loads(line)

    def presidio(self, name: str) -> list[Row]:
        """One of the two files of presidio-research.

        Raises:
            Skipped: the file is not there.
        """
        return [
            Row(row["text"], _spans(row, TYPES), str(row.get("template_id", number)))
            for number, row in enumerate(self._read("pii-presidio-research", name))
        ]

    def wnut(self) -> list[Row]:
        """Public posts with names of people and places; names of other things count for nothing.

        Raises:
            Skipped: the file is not there.
        """
        kinds = {"person": "PERSON", "location": "LOCATION"}
        return [Row(row["text"], _spans(row, kinds, rest=True)) for row in self._read("pii-wnut17", "sentences")]

    def texts(self, part: str) -> list[str]:
        """What people asked: `gsm8k-four-systems`, `cache-banking77` or `cache-clinc150`.

        Raises:
            Skipped: the file is not there.
        """
        name, field = ("solutions", "prompt") if part.startswith("gsm8k") else ("queries", "text")
        return [row[field] for row in self._read(part, name)]

    def digest(self) -> str:
        """The first twelve hex digits of a SHA-256 over all files of the parts that the evaluation reads."""
        total = hashlib.sha256()
        for part, name in FILES:
            try:
                path = self._path(part, name)
            except Skipped:
                continue
            total.update(f"{part}/{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()[:12]


FILES: Final = (
    *(("pii-presidio-research", name) for name in PRESIDIO),
    ("pii-wnut17", "sentences"),
    ("gsm8k-four-systems", "solutions"),
    ("cache-banking77", "queries"),
    ("cache-clinc150", "queries"),
)


def _spans(row: dict[str, Any], kinds: dict[str, str], *, rest: bool = False) -> tuple[Span, ...]:
    spans: Sequence[Any] = row["spans"]
    return tuple(Span(kinds.get(kind, "OTHER" if rest else kind), start, end, 1.0) for kind, start, end in spans)
