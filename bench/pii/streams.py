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
_DECOYS: Final = ("<b>", "</b>", "a<b", "<<", "<PERSON", "<PERSON_", "<PERSON_99>", "PERSON_1", "x<y>z", "&lt;", "<",
                  ">", "_1>", "<EMAIL_1 >", "[PERSON_1]", "<person_1>")  # fmt: skip
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


def _issued(draw: random.Random) -> dict[str, str]:
    kinds = draw.sample(["PERSON", "EMAIL", "ADDRESS", "CREDIT_CARD", "DATE_OF_BIRTH", "P"], 3)
    return {f"<{kind}_{n}>": draw.choice(_VALUES) for kind in kinds for n in (1, 2, 11)}


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
    while tried < splits:
        json = draw.random() < 0.5
        mapping = _issued(draw)
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
