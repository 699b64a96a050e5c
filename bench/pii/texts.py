"""Texts for measurements of time, all different, so that no memory of texts helps: plain, dense, and hostile."""

import random
from collections.abc import Iterator
from typing import Final

from bench.pii.made import MAKERS, made

__all__ = ["HOSTILE", "dense", "hostile", "plain"]

_OPENINGS: Final = ("Please explain", "Can you show me", "Write a short text about", "I do not understand", "Compare",
                    "Summarise", "What do you think of", "Give me three reasons for", "Help me to improve")  # fmt: skip
_THINGS: Final = ("the way a rainbow forms", "a loop that never ends", "the taste of old cheese", "a garden in winter",
                  "the price of a train ride", "how birds find their way", "a recipe with lentils",
                  "the rules of chess", "a query over two tables", "the sound of a cello")  # fmt: skip
_MORE: Final = ("in simple words", "for a class of children", "as a list of steps", "and say what is still unknown",
                "without long sentences", "with one example for each step", "and keep it under two pages",
                "so that my neighbour laughs", "before the end of the week")  # fmt: skip
_SUMS: Final = ("It takes {a} minutes and costs {b}.", "There are {a} boxes with {b} apples in each.",
                "She reads {a} pages a day for {b} days.", "We ran it {a} times and it failed {b} times.")  # fmt: skip
_PEOPLE: Final = ("Ask {first} {last} about it.", "{first} {last} lives at {a} Alder Lane, Fairview.",
                  "My colleague {first} wrote this on Monday.", "Dr. {last} of Larch and Sons signed it.")  # fmt: skip
_FIRST: Final = ("Odalys", "Bram", "Ingeborg", "Tomasz", "Wanjiru", "Anselm", "Meera", "Cosimo", "Liv", "Haruto")
_LAST: Final = ("Brandvold", "Achterberg", "Sobczak", "Njoroge", "Iyer", "Lindqvist", "Peralta", "Okafor", "Vance")


def _plain(draw: random.Random) -> str:
    if draw.random() < 0.25:
        return draw.choice(_SUMS).format(a=draw.randint(2, 90), b=draw.randint(2, 900))
    return f"{draw.choice(_OPENINGS)} {draw.choice(_THINGS)} {draw.choice(_MORE)}, {draw.choice(_MORE)}."


def _person(draw: random.Random) -> str:
    first, last = draw.choice(_FIRST), draw.choice(_LAST)
    return draw.choice(_PEOPLE).format(first=first, last=last, a=draw.randint(2, 900))


def _cut(sentences: Iterator[str], words: int) -> str:
    found: list[str] = []
    while len(found) < words:
        found += next(sentences).split(" ")
    return " ".join(found[:words])


def plain(words: int, seed: int) -> str:
    """Prompts without personal data, some with numbers."""
    draw = random.Random(f"{seed} plain")
    return _cut((_plain(draw) for _ in iter(int, 1)), words)


def dense(words: int, seed: int) -> str:
    """Every second sentence holds an identifier or a person, about one in nine words."""
    draw = random.Random(f"{seed} dense")
    pool = [row.text for name in MAKERS for row in made(name, 2, seed)]

    def sentences() -> Iterator[str]:
        while True:
            yield draw.choice(pool).replace("\n", " ") if draw.random() < 0.7 else _person(draw)
            yield _plain(draw)

    return _cut(sentences(), words)


HOSTILE: Final = (
    "a.", "1 ", "(((", "0.", "http://a.a.", "1:", "12 Aa ", "1-", "AB12 ", "a", "7", " ", "\u200b", "a@", "a@a.",
    "eyJhbGciOi.", "-----BEGIN RSA PRIVATE KEY-----\n", "+1 (", "::", "[at]", "1 2 3 4-", "Main Street 12, ",
    "Dr. Anna ", "\n", "{\"a\":", "AKIA", "key=", "\uff21\uff11", "<PERSON_", "4111 ", "é1", "\U0001f600",
    "data:text/plain;base64,QUFB", "born 1", "IBAN DE", "\u0661 ", "1,2.", "xn--", "--", "pass ", "../",
)  # fmt: skip
"""What is repeated to make a text that slow expressions choke on."""


def hostile(piece: str, size: int) -> str:
    """`size` characters of it."""
    return (piece * (size // len(piece) + 1))[:size]
