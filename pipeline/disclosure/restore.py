r"""What stood there, put back for every token that was issued: in text, in JSON, whole, or streamed at any cut.

Strict: only strings that were issued are restored, and a stream is held back only while its end may still become one.
So at most the longest token waits, less a character, and the parts of a stream join to what the whole gives. Tolerant
reading (`person_k7qm2`, `[PERSON_K7QM2]`, `PERSON\_K7QM2`) needs to see what follows, so it is for whole texts only.
"""

import json as json_text
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, repeat
from typing import Final, NamedTuple

from pipeline.contracts import TokenLogprob

__all__ = [
    "TOKEN",
    "Edit",
    "Issued",
    "Restorer",
    "decoded_json",
    "edited",
    "edited_tokens",
    "restore_tokens",
    "restored_split",
]

TOKEN: Final = re.compile(r"<[A-Z]{1,12}_[0-9A-Z]{1,64}(?:_[0-9]{1,9})?>")
"""The form of a token. Tokens hold `<` and `>` nowhere else, so two never overlap."""

_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([^u]))", re.DOTALL)
_OPEN_ESCAPE: Final = re.compile(r"\\(?:u[0-9A-Fa-f]{0,3})?\Z")
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DEEPEST: Final = 4
"""JSON in JSON in JSON that is looked into."""
_BEHIND: Final = 2
"""Characters before a match that decide whether it stands alone."""
_PAIRS: Final = (
    ("&lt;", "&gt;"),
    ("\\<", "\\>"),
    ("\\u003c", "\\u003e"),
    ("<", ">"),
    ("\\[", "\\]"),
    ("[", "]"),
    ("{", "}"),
)


class Edit(NamedTuple):
    """`text[start:end]` becomes `value`."""

    start: int
    end: int
    value: str


class Issued:
    """Tokens and stand-ins with what they stand for, prepared for search.

    A stand-in that begins or ends with a letter or digit counts only where no letter or digit goes on, so that an
    issued number inside a longer number is left alone.

    Args:
        issued: token -> what stood there.
    """

    __slots__ = ("_loose", "_ordered", "edges", "longest", "pattern", "starts", "tokens_alone", "values")

    def __init__(self, issued: Mapping[str, str]) -> None:
        self.values = dict(issued)
        self._ordered = sorted(self.values)
        self.longest = max(map(len, self._ordered), default=0)
        others = sorted((key for key in self.values if key and not TOKEN.fullmatch(key)), key=len, reverse=True)
        self.tokens_alone = not others
        self.edges = frozenset(key for key in others if _is_word(key[-1]))
        self.pattern = re.compile("|".join((TOKEN.pattern, *map(_bounded, others))))
        self.starts = re.compile("|".join(("<", *sorted({_start(key) for key in others}))))
        self._loose = _loose_pattern(self.values)

    def begins(self, tail: str) -> bool:
        """Whether `tail` may become an issued string, or is one that must not go on with a letter or digit."""
        at = bisect_left(self._ordered, tail)
        if at == len(self._ordered) or not self._ordered[at].startswith(tail):
            return False
        longer = self._ordered[at] != tail or (at + 1 < len(self._ordered) and self._ordered[at + 1].startswith(tail))
        return longer or tail in self.edges

    def found(self, text: str, begin: int = 0) -> Iterator[Edit]:
        """Issued strings in `text`, from left to right."""
        values = self.values
        for match in self.pattern.finditer(text, begin):
            value = values.get(match[0])
            if value is not None:
                yield Edit(match.start(), match.end(), value)

    def found_loosely(self, text: str) -> Iterator[Edit]:
        """Issued strings, and misspellings of issued tokens that can be no other."""
        done = 0
        exact = {edit.start: edit for edit in self.found(text)}
        loose = {edit.start: edit for edit in self._misspelt(text)} if self._loose is not None else {}
        for start in sorted(exact | loose):
            edit = exact.get(start) or loose[start]
            if start >= done:
                done = edit.end
                yield edit

    def _misspelt(self, text: str) -> Iterator[Edit]:
        assert self._loose is not None
        for match in self._loose.finditer(text):
            name = "_".join(part for part in match.group("kind", "code", "form") if part).upper()
            value = self.values.get(f"<{name}>")
            if value is not None:
                yield Edit(*_with_brackets(text, match.start(), match.end()), value)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _bounded(key: str) -> str:
    after = r"(?!\w)" if _is_word(key[-1]) else ""
    return _start(key) + re.escape(key[1:]) + after


def _start(key: str) -> str:
    before = r"(?<!\w)(?<!\d[.,])" if _is_word(key[0]) else ""
    return before + re.escape(key[0])


def _loose_pattern(keys: Mapping[str, str]) -> re.Pattern[str] | None:
    kinds = sorted({key[1:].partition("_")[0] for key in keys if TOKEN.fullmatch(key)})
    if not kinds:
        return None
    kind = f"(?P<kind>{'|'.join(kinds)})"
    code = r"(?P<code>[0-9BCDFGHJ-NP-TV-Z]{5,64})"
    form = r"(?:\\?_(?P<form>\d{1,9}))?(?![0-9A-Z])(?!\\?_[0-9A-Z])"
    return re.compile(rf"(?<![0-9A-Z]){kind}(?:\\?_|[ -]){code}{form}", re.IGNORECASE | re.ASCII)


def _with_brackets(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a name to the brackets around it, whichever the model made of `<` and `>`. A link's text keeps its own."""
    for opening, closing in _PAIRS:
        if text.startswith(opening, start - len(opening)) and start >= len(opening) and text.startswith(closing, end):
            wide = start - len(opening), end + len(closing)
            return (start, end) if opening == "[" and text.startswith("(", wide[1]) else wide
    return start, end


class Restorer:
    """Puts back what stood there, piece by piece.

    A whole text that is read tolerantly is also looked into where a string of it is JSON itself.

    Args:
        issued: token -> what stood there.
        json: the text is JSON. Values are written as JSON strings are, and tokens are known under JSON escapes too.
    """

    def __init__(self, issued: Mapping[str, str] | Issued, *, json: bool = False) -> None:
        self._issued = issued if isinstance(issued, Issued) else Issued(issued)
        self._json = json
        self._before = ""
        self._raw = ""

    @property
    def held(self) -> int:
        """Characters that are held back now."""
        return len(self._raw)

    @property
    def longest(self) -> int:
        """Characters of the longest token; with JSON escapes it may be written with six times as many."""
        return self._issued.longest

    def feed(self, chunk: str) -> str:
        """Take a piece of text; return what can be said by now."""
        if not self._raw and "<" not in chunk and self._issued.tokens_alone and "\\" not in chunk:
            self._before = chunk[-_BEHIND:]  # nothing can begin here; without stand-ins what stands before is nothing
            return chunk
        self._raw += chunk
        return self._advance(final=False)

    def end(self) -> str:
        """Return what was held back. The restorer is ready for another text."""
        rest = self._advance(final=True)
        self._before = ""
        return rest

    def whole(self, text: str, *, tolerant: bool = False) -> str:
        """Restore a whole text, apart from what was fed."""
        return edited(text, self.edits(text, tolerant=tolerant))

    def edits(self, text: str, *, tolerant: bool = False) -> list[Edit]:
        """What restoring `text` changes, from left to right."""
        issued = self._issued
        if not self._json:
            return list(issued.found_loosely(text) if tolerant else issued.found(text))
        view, at = decoded_json(text)
        found = list(issued.found_loosely(view) if tolerant else issued.found(view))
        levels = _levels(text, [at[edit.start] for edit in found]) if tolerant else repeat(1)
        return [
            Edit(at[edit.start], at[edit.end], self._written(edit.value, level))
            for edit, level in zip(found, levels, strict=False)
        ]

    def _written(self, value: str, levels: int = 1) -> str:
        for _ in range(levels if self._json else 0):
            value = json_text.dumps(value, ensure_ascii=False)[1:-1]
        return value

    def _advance(self, *, final: bool) -> str:
        """Restore the part of the held text that no further character can change, and keep the rest.

        A match counts as soon as no text that is still open begins at or before it: whatever comes, it is the leftmost
        and the longest then, as it would be in the whole text.
        """
        raw, known = self._raw, len(self._before)
        view, at = decoded_json(raw) if self._json else (raw, range(len(raw) + 1))
        text = self._before + view
        stop, edits = self._settled(text, known, final=final)
        done = at[stop - known]
        own = [Edit(at[edit.start - known], at[edit.end - known], self._written(edit.value)) for edit in edits]
        self._before, self._raw = text[max(0, stop - _BEHIND) : stop], "" if final else raw[done:]
        return edited(raw if final else raw[:done], own)

    def _settled(self, text: str, begin: int, *, final: bool) -> tuple[int, list[Edit]]:
        """Up to where nothing can change any more, and the edits before that."""
        stop = len(text) if final else self._open(text, begin)
        edits: list[Edit] = []
        for edit in self._issued.found(text, begin):
            if edit.start >= stop:
                break
            edits.append(edit)
            if edit.end > stop:
                stop = self._open(text, edit.end)
        return stop, edits

    def _open(self, text: str, begin: int) -> int:
        """Where the tail begins that may still become an issued string; the end of `text` without one."""
        issued, end = self._issued, len(text)
        begin = max(begin, end - issued.longest)
        if issued.tokens_alone:  # those have one "<" each
            at = text.rfind("<", begin)
            return at if at >= 0 and issued.begins(text[at:]) else end
        starts = (match.start() for match in issued.starts.finditer(text, begin))
        return next((at for at in starts if issued.begins(text[at:])), end)


def decoded_json(raw: str) -> tuple[str, Sequence[int]]:
    """JSON text with its escapes undone, and where each character begins in `raw`. An open escape is left out."""
    if "\\" not in raw:
        return raw, range(len(raw) + 1)
    view: list[str] = []
    at: list[int] = []
    position, end = 0, len(raw)
    for match in _ESCAPE.finditer(raw):
        view.append(raw[position : match.start()])
        at.extend(range(position, match.start()))
        view.append(chr(int(match[1], 16)) if match[1] else _CONTROLS.get(match[2], match[2]))
        at.append(match.start())
        position = match.end()
    open_escape = _OPEN_ESCAPE.search(raw, position)
    if open_escape:
        end = open_escape.start()
    view.append(raw[position:end])
    at.extend(range(position, end + 1))
    return "".join(view), at


def _levels(text: str, places: Sequence[int], depth: int = _DEEPEST) -> list[int]:
    """How many JSON strings lie around each place (rising offsets), one in the other: a body may be JSON in JSON."""
    levels, strings = [1] * len(places), _STRING.finditer(text)
    first = 0
    while first < len(places):
        string = next((each for each in strings if each.end() > places[first]), None)
        if string is None:
            break
        behind = bisect_left(places, string.end(), first)
        inside = [place - string.start() - 1 for place in places[first:behind]]
        view, at = decoded_json(string[0][1:-1])
        if depth and inside[0] >= 0 and _is_document(view):
            inner = _levels(view, [bisect_right(at, place) - 1 for place in inside], depth - 1)
            levels[first:behind] = [1 + level for level in inner]
        first = behind
    return levels


def _is_document(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json_text.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def edited(text: str, edits: Sequence[Edit]) -> str:
    """`text` with its edits made."""
    if not edits:
        return text
    pieces, position = list[str](), 0
    for edit in edits:
        pieces += (text[position : edit.start], edit.value)
        position = edit.end
    return "".join(pieces) + text[position:]


# ---------------------------------------------------------------- scored tokens


def edited_tokens(tokens: Sequence[TokenLogprob], edits: Sequence[Edit]) -> tuple[TokenLogprob, ...]:
    """Make edits of the joined tokens in the tokens: those that an edit touches become one, with the sum of scores.

    The chance of several tokens is the product of theirs, so the sum of log-probabilities is the log-probability of
    the merged one, and the joined tokens still equal the edited text.
    """
    made: list[TokenLogprob] = []
    open_edits = list(reversed(edits))
    group: list[TokenLogprob] = []
    inside: list[Edit] = []
    begin = position = 0
    for token in tokens:
        group.append(token)
        position += len(token.token)
        while open_edits and open_edits[-1].start < position:
            inside.append(open_edits.pop())
        if inside and inside[-1].end > position:
            continue
        made.append(_merged(group, inside, begin) if inside else token)
        group, inside, begin = [], [], position
    return tuple(made)


def _merged(group: Sequence[TokenLogprob], edits: Sequence[Edit], begin: int) -> TokenLogprob:
    text = "".join(token.token for token in group)
    own = [Edit(edit.start - begin, edit.end - begin, edit.value) for edit in edits]
    return TokenLogprob(token=edited(text, own), logprob=sum(token.logprob for token in group))


def restore_tokens(
    tokens: Sequence[TokenLogprob], issued: Mapping[str, str] | Issued, *, json: bool = False, tolerant: bool = False
) -> tuple[TokenLogprob, ...]:
    """Scored tokens with what stood there; joined, they are the restored text."""
    text = "".join(token.token for token in tokens)
    return edited_tokens(tokens, Restorer(issued, json=json).edits(text, tolerant=tolerant))


def restored_split(issued: Mapping[str, str] | Issued, text: str, cuts: Sequence[int], *, json: bool = False) -> str:
    """Restore `text` as a stream that is cut at `cuts` (rising offsets); for measurements over many splits."""
    restorer = Restorer(issued, json=json)
    edges = (0, *cuts, len(text))
    return "".join([restorer.feed(text[a:b]) for a, b in pairwise(edges)]) + restorer.end()
