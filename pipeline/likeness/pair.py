"""Two questions beside one another: what only one of them has, and how far the order of the rest agrees."""

from bisect import bisect_left
from dataclasses import dataclass

from pipeline.likeness.correction import corrected, without_pauses
from pipeline.likeness.reading import Reading
from pipeline.likeness.token import Token
from pipeline.likeness.words import QUESTIONS

__all__ = ["Pair", "beside"]


@dataclass(frozen=True, slots=True)
class Pair:
    """The new question (as corrected) and the remembered one.

    `missing`: words that the new one lacks; `extra`: has more. `forms`: words that both have, in another form.
    `taken_back`: what a correction left out. `repaired`: words said instead that the remembered one lacks.
    `restarted`: the correction asks anew, and words before it were kept all the same.
    """

    new: tuple[Token, ...]
    old: tuple[Token, ...]
    missing: tuple[Token, ...]
    extra: tuple[Token, ...]
    forms: tuple[Token, ...]
    repaired: tuple[Token, ...]
    taken_back: tuple[Token, ...]
    restarted: bool
    disorder: int
    first: Reading
    second: Reading

    @property
    def differing(self) -> tuple[Token, ...]:
        """Every word that only one of them has."""
        return self.missing + self.extra

    @property
    def marks(self) -> tuple[str, ...]:
        """What differs, as weights may be learned for it: stems, `~stem` where the form differs, `~#` for a number."""
        return (
            *(token.stem for token in self.differing),
            *(f"~{token.stem if token.number is None else '#'}" for token in self.forms),
        )


def beside(first: Reading, second: Reading) -> Pair:
    """Put the new question beside the remembered one."""
    old = without_pauses(second.tokens)
    found = corrected(first.tokens, old)
    new = found.tokens
    places: dict[str, list[int]] = {}
    for place in range(len(new) - 1, -1, -1):
        places.setdefault(new[place].stem, []).append(place)
    missing, shared, forms = [], [], []
    for token in old:
        standing = places.get(token.stem)
        if standing:
            shared.append(standing.pop())
            if new[shared[-1]].word != token.word:
                forms.append(token)
        else:
            missing.append(token)
    taken = set(shared)
    extra = [place for place in range(len(new)) if place not in taken]
    begun = len(new) if found.repair is None else found.repair
    return Pair(
        new=new,
        old=old,
        missing=tuple(missing),
        extra=tuple(new[place] for place in extra),
        forms=tuple(forms),
        repaired=tuple(new[place] for place in extra if place >= begun),
        taken_back=found.taken_back,
        restarted=0 < begun < len(new) and new[begun].word in QUESTIONS,
        disorder=len(shared) - _in_order(shared),
        first=first,
        second=second,
    )


def _in_order(places: list[int]) -> int:
    """How many of them can be kept so that they ascend."""
    tails: list[int] = []
    for place in places:
        at = bisect_left(tails, place)
        if at == len(tails):
            tails.append(place)
        else:
            tails[at] = place
    return len(tails)
