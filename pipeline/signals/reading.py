"""The words and marks of a conversation, read once and in bounded time.

Of each message what its beginning and its end say is read, since instructions stand there and pasted material between
them; and of the whole conversation, from its first message on, no more than `BUDGET` characters. What comes after that
is not read and counts as hard (`unread`), so that nobody gets the cheapest model by hiding a question behind a long
one. More messages can only add to what was found: a short last turn never makes a hard conversation look easy.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pipeline.signals.conversation import Survey
from pipeline.signals.cues import ALL, UNSPACED

__all__ = ["BUDGET", "HEAD", "TAIL", "Reading", "read"]

BUDGET: Final = 8_000
HEAD: Final = 1_500
TAIL: Final = 500
_ASKING: Final = frozenset({"user", "system", "developer"})
_ASCII: Final = bytes(range(128))


def _letters() -> bytes:
    """Lower case, and a space for what belongs to no word; `+`, `#` and `-` stay for c++, c# and trade-off."""
    kept = frozenset(b"+#-")
    table = [byte if chr(byte).isalnum() or byte in kept or byte > 127 else 32 for byte in range(256)]
    return bytes(table).lower()


_LETTERS: Final = _letters()


class Reading(NamedTuple):
    """What was read.

    Attributes:
        text: what is asked, by users and by system prompts: the parts that were read, as UTF-8.
        fences: marks of code blocks in what is asked.
        told: the same in answers that models gave before.
        cues: words of `cues` that occur in what is asked.
        unread: whether some of it was not read because the conversation is too long.
    """

    text: bytes
    fences: int
    told: int
    cues: frozenset[bytes]
    unread: bool


def read(conversation: Survey) -> Reading:
    """Read a conversation."""
    said = conversation.said
    asked, unread = _read([text for role, text in said if role in _ASKING])
    told = sum([text.count("```", 0, HEAD) for role, text in said if role == "assistant"])
    cues = ALL.intersection(asked.translate(_LETTERS).split())
    if not asked.isascii():
        cues |= {word for word in UNSPACED if word in asked}
    return Reading(asked, asked.count(b"```"), told, cues, unread)


def scripts(text: bytes) -> int:
    """How many scripts are written in a text, each with some letters at least."""
    rest = text.translate(None, _ASCII)
    latin = len(text) - len(rest) > _SOME
    if not rest:
        return int(latin)
    found = {script for script, leads in _SCRIPTS.items() if sum(map(rest.count, leads)) >= _SOME}
    return len(found) + latin


_SOME: Final = 6
_SCRIPTS: Final = {
    "greek": (b"\xce", b"\xcf"),
    "cyrillic": (b"\xd0", b"\xd1", b"\xd2", b"\xd3"),
    "hebrew": (b"\xd6", b"\xd7"),
    "arabic": (b"\xd8", b"\xd9", b"\xda", b"\xdb"),
    "indic": (b"\xe0",),
    "kana": (b"\xe3\x81", b"\xe3\x82", b"\xe3\x83"),
    "han": (b"\xe4", b"\xe5", b"\xe6", b"\xe7", b"\xe8", b"\xe9"),
    "hangul": (b"\xea", b"\xeb", b"\xec", b"\xed"),
}
"""Scripts by the first bytes of their letters in UTF-8."""


def _read(texts: Sequence[str]) -> tuple[bytes, bool]:
    lengths = [len(text) for text in texts]
    if sum(lengths) <= BUDGET and max(lengths, default=0) <= HEAD + TAIL:
        return "\n".join(texts).encode("utf-8", "surrogatepass"), False
    pieces: list[str] = []
    left = BUDGET
    for text in texts:
        if len(text) > HEAD + TAIL:
            text = f"{text[:HEAD]}\n{text[-TAIL:]}"
        if len(text) > left:
            pieces.append(text[:left])
            return "\n".join(pieces).encode("utf-8", "surrogatepass"), True
        pieces.append(text)
        left -= len(text)
    return "\n".join(pieces).encode("utf-8", "surrogatepass"), False
