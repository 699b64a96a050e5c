"""What somebody asked who corrected themselves: `in 1953, no wait, 1945` asks about 1945.

The corrected question is the beginning, up to what was taken back, and all that follows the correction. Where what was
taken back began is not marked, so the remembered question decides: the cut is made where the two agree best. What
follows the correction is never left out, so a question that was taken back is not answered.
"""

from dataclasses import dataclass
from typing import Final

from pipeline.likeness.token import Token
from pipeline.likeness.words import FUNCTION, listed

__all__ = ["Corrected", "corrected", "has_cue", "without_pauses"]

_PAUSES: Final = frozenset(listed("uh uhh uhm um umm er err erm hmm hm ah oops whoops eh"))
_STRONG: Final = _PAUSES | frozenset(
    listed(
        "no wait sorry actually rather scratch oops correction instead meant mean wow gosh nope really nah better make "
        "well but or like pardon forget hold strike"
    )
)
_WORDS_ELSEWHERE: Final = frozenset(listed("er um eh ah hm"))
_ENGLISH: Final = frozenset(listed("the of is what who when where how did does are which why and to"))
_CLEAR: Final = dict.fromkeys(listed("wait sorry actually rather scratch oops correction meant mean nope"), 1.0) | {
    "no": 0.5,
    "make": 0.5,
}
_WEAK: Final = frozenset(
    listed(
        "i am that to say but or yet me better like my bad let lets see uh um okay ok oh you know excuse on please "
        "well it about again"
    )
)
_ENDS: Final = frozenset(listed("rather sorry instead actually please no i mean meant"))
_LONGEST: Final = 80
_REACH: Final = 6
_MOST_MISSING: Final = 2


@dataclass(frozen=True, slots=True)
class Corrected:
    """What is asked after all. `taken_back`: what was left out; `repair`: where what was said instead begins."""

    tokens: tuple[Token, ...]
    taken_back: tuple[Token, ...] = ()
    repair: int | None = None


def without_pauses(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Without the sounds of hesitation. Those that are words elsewhere (`er`, `um`) only in English company."""
    words = {token.word for token in tokens}
    if words.isdisjoint(_PAUSES):
        return tokens
    sounds = _PAUSES - _WORDS_ELSEWHERE if words.isdisjoint(_ENGLISH) else _PAUSES
    return tuple(token for token in tokens if token.word not in sounds)


def has_cue(tokens: tuple[Token, ...]) -> bool:
    """Whether a word occurs with which people correct themselves."""
    return any(token.word in _STRONG for token in tokens)


def corrected(new: tuple[Token, ...], old: tuple[Token, ...]) -> Corrected:
    """The new question as corrected, at its best agreement with the old one."""
    plain = without_pauses(new)
    if len(new) > _LONGEST or len(old) > _LONGEST or not has_cue(new) or _far(new, old):
        return Corrected(plain)
    ahead = _ahead(old, new)
    least = [_least(row) for row in ahead]
    best, cut = _ahead(old, plain)[len(old)][len(plain)] - 1e-9, None
    tails: dict[int, list[list[float]]] = {}
    for start, end, stop, earliest in _cues(new):
        for after in range(end, stop + 1):
            kept = _before_ends(new, after + 1)
            if kept not in tails:
                tails[kept] = _behind(old, new[:kept])
            for row, tail in enumerate(tails[kept]):
                cost, upto = least[row][start]
                if cost + tail[after] < best and upto >= earliest:
                    best, cut = cost + tail[after], (upto, after, kept)
    if cut is None:
        return Corrected(plain)
    upto, after, kept = cut
    begin = without_pauses(new[:upto])
    return Corrected(begin + without_pauses(new[after:kept]), new[upto:after], len(begin))


def _far(new: tuple[Token, ...], old: tuple[Token, ...]) -> bool:
    """Whether so many words of the remembered question are missing that no correction makes it of this one."""
    said = {token.stem for token in new}
    return sum(token.stem not in said and token.word not in FUNCTION for token in old) > _MOST_MISSING


def _least(row: list[float]) -> list[tuple[float, int]]:
    """For each place the least cost up to it, and where that is; of equal ones the last, so that least is left out."""
    found: list[tuple[float, int]] = []
    best, where = row[0], 0
    for place, cost in enumerate(row):
        if cost <= best:
            best, where = cost, place
        found.append((best, where))
    return found


def _before_ends(new: tuple[Token, ...], least: int) -> int:
    kept = len(new)
    while kept > least and new[kept - 1].word in _ENDS:
        kept -= 1
    return kept


def _cues(new: tuple[Token, ...]) -> list[tuple[int, int, int, int]]:
    """Where corrections may begin, the word after, how far their words reach, and how far back they may take.

    What is taken back holds no correction as clear as this one: of `no trains today, no wait, no trains tomorrow` the
    last `no` takes nothing back.
    """
    found: list[tuple[int, int, int, int]] = []
    runs: list[tuple[int, float]] = []
    place = 0
    while place < len(new) - 1:
        if new[place].word not in _STRONG:
            place += 1
            continue
        stop, clear = place, 0.0
        while stop < len(new) - 1 and stop - place < _REACH and (new[stop].word in _STRONG or new[stop].word in _WEAK):
            clear += _CLEAR.get(new[stop].word, 0.1)
            stop += 1
        earliest = max((before + 1 for before, other in runs if other >= clear), default=0)
        found += [(each, each + 1, stop, earliest) for each in range(max(place, 1), stop) if new[each].word in _STRONG]
        runs.append((stop - 1, clear))
        place = stop
    return found


def _weight(token: Token) -> float:
    return 0.25 if token.word in FUNCTION else 1.0


def _ahead(old: tuple[Token, ...], new: tuple[Token, ...]) -> list[list[float]]:
    """The cost of making the first words of one out of the first words of the other."""
    weights = [_weight(token) for token in new]
    stems = [token.stem for token in new]
    row = [0.0]
    for weight in weights:
        row.append(row[-1] + weight)
    table = [row]
    for token in old:
        own, stem, above = _weight(token), token.stem, row
        left = above[0] + own
        row = [left]
        for place, weight in enumerate(weights):
            if stems[place] == stem:
                left = above[place]
            else:
                up = above[place + 1] + own
                left = left + weight
                left = min(up, left)
            row.append(left)
        table.append(row)
    return table


def _behind(old: tuple[Token, ...], new: tuple[Token, ...]) -> list[list[float]]:
    table = _ahead(old[::-1], new[::-1])
    return [row[::-1] for row in table[::-1]]
