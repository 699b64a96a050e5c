"""Personal data in what a model says, masked; and a stream is masked as the whole text would be, wherever it is cut.

That holds by construction: what is decided, and from how much text, depends on the text alone. The text is taken in
windows; a window is decided once a fixed number of characters after it is known (or the text has ended), by a scan of
these, the window, and a fixed number before it. Where a finding or an unbroken run of characters reaches the end of
what was scanned, more is waited for, twice as much each time and at most `Windows.most`. A private key in PEM form is
masked from its first line on, without waiting for its last.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Literal, NamedTuple, Protocol

import regex

from pipeline.contracts import Finding
from pipeline.disclosure.pseudonyms import mask_of
from pipeline.disclosure.restore import Edit, Issued, decoded_json, edited

__all__ = ["Found", "Redactor", "Scan", "Windows", "within_json"]


class Found(Protocol):
    """One occurrence: `text[start:end]` is of `type`, with a score in [0, 1]."""

    @property
    def type(self) -> str:
        """What it is."""
        ...

    @property
    def start(self) -> int:
        """Where it begins."""
        ...

    @property
    def end(self) -> int:
        """Where it ends."""
        ...

    @property
    def score(self) -> float:
        """How sure that is."""
        ...


Scan = Callable[[str], Sequence[Found]]
"""Finds personal data in a text, in its order and without overlaps."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How much text is decided at once, and how much around it is looked at; in characters.

    At most `step + right` characters are held back, but for findings and runs without a blank, which take up to `most`.
    """

    step: int = 96
    left: int = 96
    right: int = 128
    most: int = 4096


class _Hit(NamedTuple):
    type: str
    start: int
    end: int
    score: float


_BLANK: Final = 64
"""Characters before the left context in which a blank is looked for, so that it does not begin within a number."""
_NEAR: Final = 24
"""A finding that ends this close to the end of what was scanned may go on after it."""
_RUN: Final = re.compile(r"[A-Za-z0-9_.+/=%:~-]*")
_BLANKS: Final = re.compile(r"\s")
_LONG: Final = re.compile(r"PuTTY-User-Key-File-\d:")
"""Heads of what is known for what it is only much later."""

_DASHES: Final = r"-{4,5}"
_KEY_NAME: Final = r"(?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?"
_KEY_BEGINS: Final = re.compile(rf"{_DASHES} ?BEGIN {_KEY_NAME} ?{_DASHES}")
_KEY_ENDS: Final = rf"{_DASHES} ?END {_KEY_NAME} ?{_DASHES}"
# A group that is never given back (`{0,40}+`) goes too far under `re` before Python 3.11.5; `regex` has no such fault.
_KEY_PART: Final = regex.compile(
    rf"(?:\s|\\{{1,2}}[nr]|[\"'+,>|#*]){{0,40}}+"
    rf"(?:(?P<end>{_KEY_ENDS})|(?P<header>[A-Z][A-Za-z-]{{2,20}}: )|(?P<run>[A-Za-z0-9+/]{{16}})|=[A-Za-z0-9+/]{{4}}"
    rf"|[A-Za-z0-9+/]{{1,15}}={{0,2}}(?=\s{{0,4}}(?:[\n\\\"']|\Z|{_DASHES} ?END)))"
)
"""What a block of lines goes on with: its end, a header, a long or a last short run of base64, a check sum."""
_KEY_AHEAD: Final = 128
"""Characters after which each of these shows what it is."""
_KEY_MOST: Final = 16_384
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_LINE: Final = re.compile(r"[^\n\\]*")


class Redactor:
    """Masks what a scan finds in a text that comes piece by piece.

    Args:
        scan: finds personal data. Where it raises, the whole window is masked and `failed` is set.
        hides: whether a finding is to be masked.
        windows: sizes. `right` must be longer than what the scan finds as a rule.
        issued: tokens and stand-ins of ours, which are no personal data.
    """

    def __init__(
        self,
        scan: Scan,
        hides: Callable[[Found], bool],
        windows: Windows = Windows(),
        issued: Iterable[str] = (),
    ) -> None:
        self._scan, self._hides, self._windows = scan, hides, windows
        self._issued = Issued(dict.fromkeys(issued, ""))
        self._keys = hides(_Hit("SECRET", 0, 1, 1.0))
        self._counts: Counter[tuple[str, float]] = Counter()
        self.failed = False
        self._begin()

    def _begin(self) -> None:
        """Forget the text. All positions count from the beginning of `_text`, which is at `_base` of what was fed."""
        self._text = ""
        self._base = 0
        self._said = 0  # what is before it is said or masked; the next window begins here
        self._reach = self._windows.right
        self._mode: Literal["windows", "run", "key"] = "windows"
        self._key_from = 0
        self._key_rest: re.Pattern[str] | None = None
        self._edits: list[Edit] = []
        self._pieces: list[str] = []

    @property
    def found(self) -> tuple[Finding, ...]:
        """What was masked so far: types, counts and scores."""
        return tuple(Finding(type=kind, count=n, score=score) for (kind, score), n in sorted(self._counts.items()))

    @property
    def held(self) -> int:
        """Characters that are held back now."""
        return len(self._text) - self._said

    def fresh(self, issued: Iterable[str] | None = None) -> "Redactor":
        """A redactor with the same settings for another text, and for the tokens that are issued there."""
        tokens = self._issued.values if issued is None else issued
        return Redactor(self._scan, self._hides, self._windows, tokens)

    def feed(self, chunk: str) -> str:
        """Take a piece of text; return what can be said by now."""
        self._text += chunk
        self._run(final=False)
        return self._taken()

    def end(self) -> str:
        """Return what was held back. The redactor is ready for another text."""
        self._run(final=True)
        rest = self._taken()
        self._begin()
        return rest

    def whole(self, text: str) -> str:
        """Redact a whole text, apart from what was fed."""
        return edited(text, self.edits(text))

    def edits(self, text: str) -> list[Edit]:
        """What redacting `text` changes, from left to right."""
        other = self.fresh()
        other.feed(text)
        other._run(final=True)
        self._counts += other._counts
        self.failed |= other.failed
        return other._edits

    # ------------------------------------------------------------ one decision after the other

    def _run(self, *, final: bool) -> None:
        steps = {"windows": self._window, "run": self._rest_of_run, "key": self._rest_of_key}
        while steps[self._mode](final):
            pass

    def _window(self, final: bool) -> bool:
        """Decide the next window; False when there is none, or when its decision needs more text."""
        sizes, known, begin = self._windows, len(self._text), self._said
        stop, end = begin + sizes.step, begin + sizes.step + self._reach
        if begin >= known or (end > known and not final):
            return False
        last, end = final and end >= known, min(end, known)
        hits, key = self._hits(begin, end), self._key(begin, end)
        if hits is None:
            self._hide("UNSCANNED", begin, end)
            return True
        open_at = end if last else self._open(hits, begin, end)
        if open_at < min(stop, key) and self._reach < sizes.most:
            self._reach = min(sizes.most, 2 * self._reach)
            return True
        stop = known if last else max(stop, min(end - sizes.right, open_at if open_at >= stop else end))
        self._reach = sizes.right
        self._decide(hits, min(stop, key))
        if key < stop:
            self._enter_key(key)
        elif self._said == end and not last:  # longer than what may be waited for
            self._mode = "run"
        return True

    def _hits(self, begin: int, end: int) -> list[_Hit] | None:
        """What is to be masked between the left context of `begin` and `end`; None when the scan failed."""
        start = self._context(begin)
        part = self._text[start:end]
        try:
            spans = [span for span in self._scan(part) if self._hides(span)]
        except Exception:  # noqa: BLE001  whatever it was, nobody looked at this text
            self.failed = True
            return None
        if not spans:
            return []
        ours = [(edit.start, edit.end) for edit in self._issued.found(part)] if self._issued.values else []
        return [
            _Hit(span.type, start + a, start + b, span.score) for span in spans for a, b in _without(span, ours, part)
        ]

    def _context(self, begin: int) -> int:
        """Where the left context begins: behind a blank, if there is one near."""
        start = max(0, begin - self._windows.left)
        before = self._text[max(0, start - _BLANK) : start]
        blank = _BLANKS.search(before[::-1])
        return start - blank.start() if blank else start

    def _key(self, begin: int, end: int) -> int:
        """Where a private key begins; far away without one."""
        match = _KEY_BEGINS.search(self._text, begin, end) if self._keys else None
        return match.start() if match else len(self._text) + 1

    def _open(self, hits: Sequence[_Hit], begin: int, end: int) -> int:
        """Where that begins which may go on after `end`: a finding, or a run without a blank; `end` without any."""
        starts = [hit.start for hit in hits if hit.end > end - _NEAR and hit.start >= begin]
        starts += [match.start() for match in _LONG.finditer(self._text, begin, end)]
        backwards = _RUN.match(self._text[max(0, begin - 1) : end][::-1])
        run = end - (backwards.end() if backwards else 0)
        return min([*starts, run] if run >= begin else starts, default=end)

    def _decide(self, hits: Sequence[_Hit], stop: int) -> None:
        """Mask what begins before `stop`, and say what else is there. What was said or masked already stays so."""
        for hit in hits:
            if hit.start >= stop or hit.end <= self._said:
                continue
            if hit.start < self._said and self._edits and self._edits[-1].end == self._base + self._said:
                self._stretch(hit.end)
            else:
                self._hide(hit.type, max(hit.start, self._said), hit.end, hit.score)
        self._say(stop)

    # ------------------------------------------------------------ what may be longer than any window

    def _rest_of_run(self, final: bool) -> bool:  # noqa: ARG002  all of it is masked in any case
        """Mask the rest of an unbroken run."""
        run = _RUN.match(self._text, self._said)
        self._stretch(run.end() if run else self._said)
        return self._said < len(self._text) and self._closed()

    def _enter_key(self, key: int) -> None:
        begins = _KEY_BEGINS.match(self._text, key)
        behind = begins.end() if begins else key
        if self._said > key:
            self._stretch(max(behind, self._said))
        else:
            self._hide("SECRET", key, behind, 1.0)
        self._key_from = self._said
        self._mode = "key"

    def _rest_of_key(self, final: bool) -> bool:
        """Mask part by part, up to the end of a key or to what cannot be part of one."""
        if self._key_rest is not None:
            rest = self._key_rest.match(self._text, self._said)
            self._stretch(rest.end() if rest else self._said)
            if self._said == len(self._text):
                return False
            self._key_rest = None
        if len(self._text) - self._said < _KEY_AHEAD and not final:
            return False
        part = _KEY_PART.match(self._text, self._said)
        if part is None or self._said > self._key_from + _KEY_MOST:
            return self._closed()
        self._stretch(part.end())
        self._key_rest = _LINE if part["header"] else _BASE64 if part["run"] else None
        return self._closed() if part["end"] else True

    def _closed(self) -> bool:
        self._mode = "windows"
        return True

    # ------------------------------------------------------------ what comes out

    def _say(self, end: int) -> None:
        if end > self._said:
            self._pieces.append(self._text[self._said : end])
            self._said = end

    def _hide(self, kind: str, start: int, end: int, score: float | None = None) -> None:
        """Mask a finding. What nobody scanned is masked too, and is no finding."""
        self._say(start)
        self._pieces.append(mask_of(kind))
        self._edits.append(Edit(self._base + start, self._base + end, mask_of(kind)))
        self._said = end
        if score is not None:
            self._counts[kind, score] += 1

    def _stretch(self, end: int) -> None:
        """Let the last mask reach to `end`."""
        self._edits[-1] = self._edits[-1]._replace(end=self._base + end)
        self._said = end

    def _taken(self) -> str:
        """What was said since the last time; and forget what is no context of anything any more."""
        said = "".join(self._pieces)
        self._pieces.clear()
        gone = max(0, self._said - self._windows.left - _BLANK)
        self._text = self._text[gone:]
        self._base += gone
        self._said -= gone
        self._key_from -= gone
        return said


def _without(span: Found, ours: Iterable[tuple[int, int]], text: str) -> Iterator[tuple[int, int]]:
    """The parts of a finding that are no tokens of ours and say something."""
    start = span.start
    for a, b in ours:
        if b > start and a < span.end:
            if any(map(str.isalnum, text[start:a])):
                yield start, a
            start = b
    if start == span.start or any(map(str.isalnum, text[start : span.end])):
        yield start, span.end


# ---------------------------------------------------------------- JSON

_LITERAL: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*')


def within_json(text: str, edits: Sequence[Edit]) -> list[Edit]:
    """Edits of a JSON text kept inside its strings, so that it stays JSON; a number becomes a string."""
    made: list[Edit] = []
    waiting = list(reversed(edits))
    for literal in _LITERAL.finditer(text):
        while waiting and waiting[-1].end <= literal.start():
            waiting.pop()
        touching = takewhile(lambda edit: edit.start < literal.end(), reversed(waiting))  # noqa: B023  used up at once
        made += _inside(literal, list(touching))
    return made


def _inside(literal: re.Match[str], edits: Sequence[Edit]) -> Iterator[Edit]:
    begin, end = literal.start() + 1, literal.end() - 1
    if edits and not literal[0].startswith('"'):
        yield Edit(literal.start(), literal.end(), f'"{edits[0].value}"')
        return
    _, at = decoded_json(literal[0][1:-1]) if edits else ("", ())
    for edit in edits:  # not through the middle of an escape
        first = bisect_right(at, max(0, edit.start - begin)) - 1
        behind = bisect_left(at, min(edit.end, end) - begin)
        if first < behind:
            yield Edit(begin + at[first], begin + at[behind], edit.value)
