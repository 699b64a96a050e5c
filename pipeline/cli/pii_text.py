"""Texts for `stepwell pii scan`: read whatever a file holds, know lines and columns, show findings in colour."""

import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from rich.text import Text

from pipeline.adapters.pii.spans import Span
from pipeline.errors import InvalidRequest, NotFound

__all__ = ["Given", "Lines", "highlighted", "plain", "read"]

_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_LOOKED_AT: Final = 8192
_CONTROLS: Final = frozenset(range(32)) - {9, 10, 12, 13, 27}
_MOST_CONTROLS: Final = 0.02
_SHORT: Final = 200
"""Lines up to which a text is shown whole; of a longer one only the lines with findings are."""
COLOURS: Final = {
    "restricted": "bold white on red",
    "confidential": "black on yellow",
    "internal": "black on cyan",
    "public": "",
}


class Given(NamedTuple):
    """A text, and how many places of it were no UTF-8 and became U+FFFD."""

    text: str
    broken: int


def read(file: str) -> Given:
    """The text of a file, or of standard input for `-`.

    Raises:
        NotFound: there is no such file, or it cannot be read.
        InvalidRequest: it holds no text.
    """
    name = "standard input" if file == "-" else file
    try:
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise NotFound(f"{file} cannot be read ({error.strerror}): name a text file, or - for standard input") from None
    encoding = next((encoding for mark, encoding in _MARKS if body.startswith(mark)), "utf-8")
    if encoding != "utf-16" and _binary(body[:_LOOKED_AT]):
        raise InvalidRequest(f"{name} holds no text: turn a document or an archive into text before it is scanned")
    text = body.decode(encoding, errors="replace")
    return Given(text, text.count("\ufffd") - body.count("\ufffd".encode()) if encoding == "utf-8" else 0)


def _binary(head: bytes) -> bool:
    return b"\0" in head or sum(byte in _CONTROLS for byte in head) > _MOST_CONTROLS * len(head)


class Lines:
    """Where the lines of a text begin."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(at + 1 for at, sign in enumerate(text) if sign == "\n")]

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        line = bisect_right(self.starts, at)
        return line, at - self.starts[line - 1] + 1


def plain(text: str) -> str:
    """The text with every sign visible that would steer a terminal; its length stays."""
    return "".join(_visible(sign) for sign in text)


def _visible(sign: str) -> str:
    if sign in "\n\t" or sign.isprintable():
        return sign
    code = ord(sign)
    if code < 32:
        return chr(0x2400 + code)
    return " " if unicodedata.category(sign) == "Zs" else "\u00b7"


def highlighted(text: str, spans: Sequence[Span], classes: Sequence[str]) -> Iterator[Text]:
    """The lines of the text with numbers, findings in the colour of their class. Of a long text those with findings.

    Args:
        text: what was scanned.
        spans: the findings, in the order of the text.
        classes: the data class of each.
    """
    lines = Lines(text)
    shown = Text(plain(text))
    for span, data_class in zip(spans, classes, strict=True):
        shown.stylize(COLOURS[data_class], span.start, span.end)
    held = set(_held(lines, spans))
    if text.endswith("\n"):
        shown.right_crop(1)
    whole = len(lines.starts) <= _SHORT
    width = len(str(len(lines.starts)))
    for number, line in enumerate(shown.split("\n", allow_blank=True), start=1):
        if whole or number in held:
            yield Text.assemble((f"{number:>{width}}  ", "dim"), line)


def _held(lines: Lines, spans: Iterable[Span]) -> Iterator[int]:
    for span in spans:
        yield from range(lines.place(span.start)[0], lines.place(max(span.start, span.end - 1))[0] + 1)
