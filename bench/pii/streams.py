"""Random streams: whatever the chunks, what comes out must equal what comes out of the whole text."""

import random
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["Streams", "redacted", "restored"]

_VALUES: Final = (
    "Odalys Brandvold",
    'Bram "Bo" O\'Hara',
    "1 Alder Lane\nFairview",
    "Ingeborg Ærø",
    "a<b>c",
    "x\\y",
    "王芳",
)
_VALUED: Final[dict[str, tuple[str, ...]]] = {
    "PERSON": _VALUES,
    "ADDRESS": ("1 Alder Lane\nFairview", "Hauptstr. 5, 10115 Berlin"),
    "EMAIL": ("odalys@example.org",),
    "DATE_OF_BIRTH": ("1985-03-12",),
    "PHONE": ("+49 30 901820",),
    "CREDIT_CARD": ("4111 1111 1111 1111",),
}
_DECOYS: Final = ("<b>", "</b>", "a<b", "<<", "<PERSON", "<PERSON_", "<PERSON_K7QM2>", "PERSON_1", "x<y>z", "&lt;",
                  "<", ">", "_2>", "<EMAIL_1 >", "[PERSON]", "<person_1>", "+49", "@", "4111 ")  # fmt: skip
_WORDS: Final = ("hello", " and ", ", ", "é", "\u200b", "👋", "\n", "the ", "0", "  ")
_ESCAPES: Final = ("\\n", '\\"', "\\\\", "\\u00e9", "\\u003c", "\\u003cPERSON_1\\u003e", "\\ud83d\\ude00", "\\/")


class Streams(NamedTuple):
    """How many splits were tried, how many came out differently, how many had something to change.

    `held` is the most characters that were held back at once.
    """

    splits: int
    mismatches: int
    changed: int
    held: int


def _issued(number: int) -> dict[str, str]:
    """What a conversation issued: tokens, and stand-ins that look like what they stand for."""
    from pipeline.disclosure.pseudonyms import Hidden, Pseudonyms

    draw = random.Random(number)
    pseudonyms = Pseudonyms(b"a key of this measurement", "acme", f"s:{number}")
    for kind in draw.sample(sorted(_VALUED), 3):
        for value in draw.sample(_VALUED[kind], min(2, len(_VALUED[kind]))):
            style = "format" if draw.random() < 0.3 else "typed"
            pseudonyms.replace(value, [Hidden(kind, 0, len(value), style=style)])
    return dict(pseudonyms.issued)


def _text(draw: random.Random, tokens: list[str], *, json: bool) -> str:
    pools = [tokens, tokens, _DECOYS, _WORDS, *([_ESCAPES] if json else [])]
    pieces = [draw.choice(draw.choice(pools)) for _ in range(draw.randint(2, 14))]
    whole = "".join(pieces)
    return '{"answer":"' + whole.replace("\n", "\\n") + '"}' if json else whole + "."


def _cuts(draw: random.Random, length: int) -> list[int]:
    return (
        sorted(draw.sample(range(1, length), min(length - 1, draw.choice([1, 2, 3, 5, 8, 13])))) if length > 1 else []
    )


def restored(splits: int, seed: int) -> Streams:
    """Restore pseudonyms in `splits` streams, half of them JSON, eight of each text."""
    from pipeline.disclosure.restore import Issued, Restorer

    draw, wrong, changed, held, tried = random.Random(seed), 0, 0, 0, 0
    conversations = [_issued(seed + number) for number in range(min(200, 1 + splits // 40))]
    while tried < splits:
        json = draw.random() < 0.5
        mapping = draw.choice(conversations)
        issued = Issued(mapping)
        text = _text(draw, list(mapping), json=json)
        whole = Restorer(issued, json=json).whole(text)
        for _ in range(min(8, splits - tried)):
            restorer = Restorer(issued, json=json)
            got, most = _streamed(restorer.feed, restorer.end, text, _cuts(draw, len(text)), lambda r=restorer: r.held)
            wrong += got != whole
            changed += whole != text
            held = max(held, most)
            tried += 1
    return Streams(tried, wrong, changed, held)


def redacted(splits: int, seed: int) -> Streams:
    """Redact the personal data of `splits` streams of dense text, eight of each."""
    from bench.pii.texts import dense
    from pipeline.adapters.pii import PatternScanner
    from pipeline.disclosure.redact import Redactor

    draw, wrong, changed, tried = random.Random(seed), 0, 0, 0
    redactor = Redactor(PatternScanner().scan_text, lambda found: found.score >= 0.5)
    while tried < splits:
        text = dense(draw.choice([20, 60, 120]), draw.randrange(10**9))
        whole = redactor.fresh().whole(text)
        for _ in range(min(8, splits - tried)):
            one = redactor.fresh()
            wrong += _streamed(one.feed, one.end, text, _cuts(draw, len(text)), lambda: 0)[0] != whole
            changed += whole != text
            tried += 1
    return Streams(tried, wrong, changed, 0)


def _streamed(
    feed: Callable[[str], str], end: Callable[[], str], text: str, cuts: list[int], held: Callable[[], int]
) -> tuple[str, int]:
    pieces, most, begin = [], 0, 0
    for cut in (*cuts, len(text)):
        pieces.append(feed(text[begin:cut]))
        most = max(most, held())
        begin = cut
    return "".join(pieces) + end(), most
