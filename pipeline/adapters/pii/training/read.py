"""Labelled texts of the user's own, from a folder of JSON Lines."""

import gzip
import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pipeline.adapters.pii.spans import TYPES
from pipeline.adapters.pii.training.generate import Document, Label

__all__ = ["LABEL_OF", "TextRefused", "read_folder"]

LABEL_OF: Final = {
    "PERSON": "PERSON",
    "LOCATION": "GPE",
    "GPE": "GPE",
    "ADDRESS": "ADDRESS",
    "STREET_ADDRESS": "ADDRESS",
    "ORG": "ORG",
    "ORGANIZATION": "ORG",
    "NRP": "NORP",
}
"""The types of spans that are learnt, and the labels they are learnt as. Others that are known are left out."""
_OTHERS: Final = frozenset(
    (
        "AGE", "DATE", "DATE_TIME", "DOMAIN_NAME", "EMAIL_ADDRESS", "EVENT", "FAC", "IBAN_CODE", "IP_ADDRESS", "LAW",
        "LOC", "MISC", "MONEY", "NORP", "O", "PHONE_NUMBER", "PREFIX", "PRODUCT", "TIME", "TITLE", "URL",
        "US_BANK_NUMBER", "US_DRIVER_LICENSE", "US_ITIN", "US_PASSPORT", "WORK_OF_ART", "ZIP_CODE",
    )
)  # fmt: skip
"""Names that other collections of labelled texts give to what is not learnt here."""
_KNOWN: Final = sorted({*LABEL_OF, *TYPES, *_OTHERS})
_TYPE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_LONGEST: Final = 20_000


class TextRefused(Exception):
    """Labelled text that cannot be read. The message names the file and line and what to mend; it quotes no text."""


def read_folder(folder: Path) -> list[Document]:
    """The documents of all `.jsonl` and `.jsonl.gz` files in `folder`, in the order of the files' names.

    A line is `{"text": …, "spans": [[type, start, end], …]}`; `template`, if it is there, says which texts are alike,
    so that they stay on one side of the split into learnt and held out (without it every text stands for itself).

    Raises:
        TextRefused: there is no such folder or nothing in it, or a line is not as it must be.
    """
    if not folder.is_dir():
        raise TextRefused(f"{folder}: {'is a file: name its folder' if folder.exists() else 'there is no such folder'}")
    files = sorted(path for path in folder.glob("*.jsonl*") if path.name.endswith((".jsonl", ".jsonl.gz")))
    if not files:
        raise TextRefused(f"{folder}: no file here ends in .jsonl or .jsonl.gz")
    documents = [document for file in files for document in _documents(file)]
    if not documents:
        raise TextRefused(f"{folder}: the files hold no text")
    return documents


def _documents(file: Path) -> Iterator[Document]:
    try:
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _document(f"{file}:{number}", line)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TextRefused(
            f"{file}: cannot be read ({type(error).__name__}); it must be UTF-8 text, gzipped or not"
        ) from error


def _document(where: str, line: str) -> Document:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TextRefused(f"{where}: not a line of JSON") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not isinstance(row.get("spans"), list):
        raise TextRefused(f'{where}: a line is {{"text": "…", "spans": [["PERSON", 0, 4], …]}}')
    text = row["text"]
    if len(text) > _LONGEST:
        raise TextRefused(f"{where}: the text is longer than {_LONGEST:,} characters; cut it")
    labels = tuple(sorted({label for span in row["spans"] if (label := _label(where, text, span))}, key=_place))
    template = row.get("template", row.get("template_id"))
    return Document(
        text,
        labels,
        f"own/{sha256(str(text if template is None else template).encode(errors='replace')).hexdigest()[:16]}",
    )


def _place(label: Label) -> tuple[int, int, str]:
    return label[1], label[2], label[0]


def _label(where: str, text: str, span: Any) -> Label | None:
    if not isinstance(span, list) or len(span) != 3 or not isinstance(span[0], str) or _TYPE.fullmatch(span[0]) is None:
        raise TextRefused(f'{where}: a span is ["TYPE", start, end], its type in capitals')
    kind, start, end = span
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise TextRefused(f"{where}: a span of {kind} does not lie within the text of {len(text)} characters")
    if kind not in _KNOWN:
        near = get_close_matches(kind, _KNOWN, n=1)
        hint = f"did you mean {near[0]}?" if near else f"learnt are {', '.join(sorted(LABEL_OF))}"
        raise TextRefused(f"{where}: {kind} is no type of span that is known; {hint}")
    return (LABEL_OF[kind], start, end) if kind in LABEL_OF else None
